// A deadline: runs an action unless it is cancelled in time.
#pragma once

#include <functional>
#include <stop_token>
#include <thread>

#include "monge/dist/socket.h"

namespace monge::dist {

/// Calls `action` once, from a thread of its own, unless it is destroyed before the time is over. The destructor waits
/// for a call that has begun. Exceptions from `action` are dropped, because the action is the last resort and no caller
/// is left.
class Watchdog {
 public:
  Watchdog(Seconds timeout, std::function<void()> action);

 private:
  std::jthread thread_;  ///< its destructor requests a stop and joins
};

}  // namespace monge::dist
