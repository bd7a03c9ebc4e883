// Where the library's messages go. The library writes no stream of its own: whoever starts it hands it a sink.
#pragma once

#include <functional>
#include <string>

namespace monge {

enum class LogLevel { info, warning };

/// Receives one line without a line feed. Called from the thread that works, of which there may be several at once
/// (loaders); must not throw.
using LogSink = std::function<void(LogLevel, const std::string&)>;

/// A sink that drops everything.
inline LogSink silent() {
  return [](LogLevel, const std::string&) {};
}

}  // namespace monge
