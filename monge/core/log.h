// The sink of the library's messages. The library writes to no stream of its own; its caller provides the sink.
#pragma once

#include <functional>
#include <string>

namespace monge {

enum class LogLevel { info, warning };

/// Receives one line without a line feed. The thread that does the work calls it, and several threads may call it at
/// once (loaders). It must not throw.
using LogSink = std::function<void(LogLevel, const std::string&)>;

/// A sink that drops everything.
inline LogSink silent() {
  return [](LogLevel, const std::string&) {};
}

}  // namespace monge
