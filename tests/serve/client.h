// A client of HTTP on a raw socket, which can also send what no honest client sends.
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <utility>

#include "monge/core/ascii.h"
#include "monge/core/error.h"
#include "monge/core/unique_fd.h"
#include "monge/serve/http_message.h"

namespace monge::serve::testing {

struct Answer {
  int status = 0;                                   ///< 0: the connection was closed without an answer
  std::map<std::string, std::string> headers = {};  ///< names in lower case
  std::string body = {};
};

class Client {
 public:
  /// Connects to 127.0.0.1. Reading fails after 60 s.
  explicit Client(int64_t port);

  /// @return false when the server has closed the connection.
  bool send(const std::string& bytes);
  /// Reads one answer, with Content-Length, in chunks, or up to the end.
  Answer read_answer();
  /// Reads until `text` has come or the connection ends. @return all that has come since the last call.
  std::string read_until(const std::string& text);
  /// Whether the server closes the connection within `ms` milliseconds; what it sends before is dropped.
  bool is_closed_within(int ms);
  void close() { fd_.reset(); }

 private:
  bool more();

  UniqueFd fd_;
  std::string buffer_;
};

/// A request with Host and Content-Length. @param headers  whole lines, each with its "\r\n".
std::string request_text(const std::string& method, const std::string& target, const std::string& body = "",
                         const std::string& headers = "");

/// One request on a connection of its own.
Answer ask(int64_t port, const std::string& method, const std::string& target, const std::string& body = "",
           const std::string& headers = "");

inline Client::Client(int64_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  ::inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  const timeval limit{.tv_sec = 60, .tv_usec = 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  if (::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fd_.reset();
}

inline bool Client::send(const std::string& bytes) {
  size_t done = 0;
  while (done < bytes.size()) {
    const auto count = ::send(fd_.get(), bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    if (count <= 0) return false;
    done += static_cast<size_t>(count);
  }
  return true;
}

inline bool Client::more() {
  char piece[65536];
  const auto count = ::recv(fd_.get(), piece, sizeof piece, 0);
  if (count <= 0) return false;
  buffer_.append(piece, static_cast<size_t>(count));
  return true;
}

inline Answer Client::read_answer() {
  Answer out;
  size_t end = 0;
  while (true) {
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
      if (!more()) return out;
    }
    out.status = std::atoi(buffer_.c_str() + buffer_.find(' '));
    if (out.status != 100) break;
    buffer_.erase(0, end + 4);
  }
  std::string head = buffer_.substr(0, end);
  buffer_.erase(0, end + 4);
  for (size_t at = head.find("\r\n"); at != std::string::npos; at = head.find("\r\n", at)) {
    at += 2;
    const auto colon = head.find(": ", at), stop = std::min(head.find("\r\n", at), head.size());
    if (colon < stop) out.headers[lower_case(head.substr(at, colon - at))] = head.substr(colon + 2, stop - colon - 2);
  }
  if (const auto length = out.headers.find("content-length"); length != out.headers.end()) {
    const size_t size = std::stoul(length->second);
    while (buffer_.size() < size && more()) {
    }
    out.body = buffer_.substr(0, size);
    buffer_.erase(0, size);
  }
  return out;
}

inline std::string Client::read_until(const std::string& text) {
  while (buffer_.find(text) == std::string::npos && more()) {
  }
  return std::exchange(buffer_, {});
}

inline bool Client::is_closed_within(int ms) {
  pollfd look{.fd = fd_.get(), .events = POLLIN, .revents = 0};
  while (::poll(&look, 1, ms) > 0) {
    if (!more()) return true;
  }
  return false;
}

inline std::string request_text(const std::string& method, const std::string& target, const std::string& body,
                                const std::string& headers) {
  const bool has_host = headers.find("Host:") != std::string::npos;
  const auto length = body.empty() && method != "POST" ? "" : text("Content-Length: ", body.size(), "\r\n");
  return text(method, " ", target, " HTTP/1.1\r\n", has_host ? "" : "Host: localhost\r\n", headers, length, "\r\n",
              body);
}

inline Answer ask(int64_t port, const std::string& method, const std::string& target, const std::string& body,
                  const std::string& headers) {
  Client client(port);
  client.send(request_text(method, target, body, headers));
  return client.read_answer();
}

}  // namespace monge::serve::testing
