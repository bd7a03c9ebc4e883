// Messages of one line each over a connection that never waits.
#pragma once

#include <string>
#include <vector>

#include "monge/dist/socket.h"

namespace monge::dist {

/// Not thread-safe.
class LineChannel {
 public:
  /// @param most  bytes that may come without making a line; more break the connection.
  explicit LineChannel(Socket socket, size_t most = 1 << 20) : socket_(std::move(socket)), most_(most) {}

  void set_most(size_t most) { most_ = most; }
  const Socket& socket() const { return socket_; }
  /// Whether no more can come or go.
  bool broken() const { return broken_; }

  /// Sends what can be sent now, the rest with later calls. @param line  without newline.
  void say(const std::string& line);

  /// Complete lines that have come; afterwards broken() says whether more can.
  std::vector<std::string> read();

 private:
  void push();

  Socket socket_;
  std::string in_, out_;
  size_t most_;
  bool broken_ = false;
};

/// A text of several lines as one, and back.
std::string one_line(std::string text);
std::string many_lines(std::string text);

}  // namespace monge::dist
