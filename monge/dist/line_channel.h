// A connection that sends and receives messages of one line each and never blocks.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "monge/dist/socket.h"

namespace monge::dist {

/// Not thread-safe.
class LineChannel {
 public:
  /// @param limit  bytes that may arrive without a newline; more of them break the channel.
  explicit LineChannel(Socket socket, size_t limit = 1 << 20) : socket_(std::move(socket)), limit_(limit) {}

  void set_limit(size_t limit) { limit_ = limit; }
  const Socket& socket() const { return socket_; }
  /// Whether nothing can arrive or leave any more.
  bool broken() const { return broken_; }

  /// Sends as many bytes as the connection takes now, and the rest in later calls. @param line  without a newline.
  void send(const std::string& line);

  /// @return the complete lines that have arrived. Afterwards broken() says whether more can arrive.
  std::vector<std::string> receive();

  /// @return the first complete line that has arrived, if any; receive() gives the rest.
  std::optional<std::string> receive_line();

 private:
  void read_available();
  std::optional<std::string> next_line();
  void flush();

  Socket socket_;
  std::string in_, out_;
  size_t limit_;
  bool broken_ = false;
};

/// Encodes a text of several lines as one line, and decodes it.
std::string one_line(std::string text);
std::string many_lines(std::string text);

}  // namespace monge::dist
