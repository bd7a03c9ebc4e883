#include "monge/dist/watchdog.h"

#include <condition_variable>
#include <mutex>
#include <utility>

namespace monge::dist {

Watchdog::Watchdog(Seconds timeout, std::function<void()> action)
    : thread_([timeout, action = std::move(action)](const std::stop_token& stop) {
        std::mutex guard;
        std::condition_variable_any never;
        std::unique_lock lock(guard);
        never.wait_for(lock, stop, timeout, [] { return false; });
        if (stop.stop_requested()) return;
        try {
          action();
        } catch (...) {
        }
      }) {}

}  // namespace monge::dist
