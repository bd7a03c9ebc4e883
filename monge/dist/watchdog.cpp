#include "monge/dist/watchdog.h"

#include <condition_variable>
#include <mutex>
#include <utility>

namespace monge::dist {

Watchdog::Watchdog(Seconds patience, std::function<void()> bark)
    : thread_([patience, bark = std::move(bark)](const std::stop_token& stop) {
        std::mutex guard;
        std::condition_variable_any never;
        std::unique_lock lock(guard);
        never.wait_for(lock, stop, patience, [] { return false; });
        if (stop.stop_requested()) return;
        try {
          bark();
        } catch (...) {
        }
      }) {}

}  // namespace monge::dist
