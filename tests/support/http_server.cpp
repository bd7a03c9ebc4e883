#include "tests/support/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <sstream>
#include <stdexcept>

namespace monge::testing {
namespace {

/// False when the server is to end, or the client hung up.
bool readable(int connection, int wake) {
  pollfd both[2] = {{connection, POLLIN, 0}, {wake, POLLIN, 0}};
  return ::poll(both, 2, -1) > 0 && both[1].revents == 0;
}

bool send_all(int connection, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(count));
  }
  return true;
}

HttpRequest parsed(const std::string& head) {
  HttpRequest out;
  std::istringstream lines(head);
  std::string line;
  std::getline(lines, line);
  std::istringstream(line) >> out.method >> out.target;
  while (std::getline(lines, line)) {
    const auto colon = line.find(':');
    if (colon == line.npos) continue;
    auto name = line.substr(0, colon);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const auto first = line.find_first_not_of(' ', colon + 1), last = line.find_last_not_of("\r ");
    out.headers[name] = first == line.npos || last < first ? "" : line.substr(first, last - first + 1);
  }
  return out;
}

}  // namespace

HttpServer::HttpServer(Handler handler) : handler_(std::move(handler)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* plain = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_, plain, size) != 0 || ::listen(listener_, 16) != 0 ||
      ::getsockname(listener_, plain, &size) != 0 || ::pipe(wake_) != 0) {
    throw std::runtime_error("the test server cannot listen on 127.0.0.1");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { serve(); });
}

HttpServer::~HttpServer() {
  ::close(wake_[1]);
  thread_.join();
  ::close(wake_[0]);
  ::close(listener_);
}

std::string HttpServer::url(const std::string& path) const {
  return "http://127.0.0.1:" + std::to_string(port_) + path;
}

std::vector<HttpRequest> HttpServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void HttpServer::serve() {
  while (readable(listener_, wake_[0])) {
    const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    answer(connection);
    ::close(connection);
  }
}

void HttpServer::answer(int connection) {
  std::string head;
  char block[4096];
  while (head.find("\r\n\r\n") == head.npos) {
    if (!readable(connection, wake_[0])) return;
    const ssize_t count = ::recv(connection, block, sizeof block, 0);
    if (count <= 0) return;
    head.append(block, static_cast<size_t>(count));
  }
  const auto request = parsed(head);
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
  }
  const auto reply = handler_(request);
  std::ostringstream out;
  out << "HTTP/1.1 " << reply.status << " Of a test\r\nConnection: close\r\n";
  if (reply.say_length) out << "Content-Length: " << reply.body.size() << "\r\n";
  for (const auto& [name, value] : reply.headers) out << name << ": " << value << "\r\n";
  out << "\r\n";
  const auto sent = reply.send < 0 ? reply.body : reply.body.substr(0, static_cast<size_t>(reply.send));
  if (!send_all(connection, out.str()) || !send_all(connection, sent)) return;
  while (reply.stall && readable(connection, wake_[0]) && ::recv(connection, block, sizeof block, 0) > 0) {
  }
}

HttpReply file_reply(const HttpRequest& request, const std::string& body, const std::string& etag) {
  HttpReply reply{.headers = {{"Accept-Ranges", "bytes"}}, .body = body};
  if (!etag.empty()) reply.headers.emplace_back("ETag", etag);
  const auto range = request.header("range"), condition = request.header("if-range");
  if (!range.starts_with("bytes=") || (!condition.empty() && condition != etag)) return reply;
  const size_t begin = std::stoul(range.substr(6));
  const auto total = std::to_string(body.size());
  if (begin >= body.size()) return {.status = 416, .headers = {{"Content-Range", "bytes */" + total}}};
  reply.status = 206;
  reply.body = body.substr(begin);
  reply.headers.emplace_back("Content-Range",
                             "bytes " + std::to_string(begin) + "-" + std::to_string(body.size() - 1) + "/" + total);
  return reply;
}

}  // namespace monge::testing
