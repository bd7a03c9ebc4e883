// Ends what never comes back.
#pragma once

#include <functional>
#include <stop_token>
#include <thread>

#include "monge/dist/socket.h"

namespace monge::dist {

/// Calls `bark` once, from a thread of its own, unless it is destroyed within the time. The destructor waits for a call that
/// runs. What `bark` throws is dropped: it is the last resort, and nobody is left to be told.
class Watchdog {
 public:
  Watchdog(Seconds patience, std::function<void()> bark);

 private:
  std::jthread thread_;  ///< its destructor asks it to stop, and joins
};

}  // namespace monge::dist
