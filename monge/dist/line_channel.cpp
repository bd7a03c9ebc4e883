#include "monge/dist/line_channel.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace monge::dist {

/// A newline ends a message, so the vertical tab stands for it.
std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', '\v');
  return text;
}

std::string many_lines(std::string text) {
  std::replace(text.begin(), text.end(), '\v', '\n');
  return text;
}

void LineChannel::send(const std::string& line) {
  out_ += line + '\n';
  flush();
}

std::vector<std::string> LineChannel::receive() {
  read_available();
  std::vector<std::string> out;
  while (auto line = next_line()) out.push_back(std::move(*line));
  return out;
}

std::optional<std::string> LineChannel::receive_line() {
  read_available();
  return next_line();
}

void LineChannel::read_available() {
  flush();
  char buffer[4096];
  while (!broken_) {
    const auto got = ::recv(socket_.descriptor(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (got > 0) {
      in_.append(buffer, static_cast<size_t>(got));
      if (in_.size() <= limit_) continue;
      broken_ = in_.find('\n') == std::string::npos;
      break;
    }
    broken_ = got == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
    break;
  }
}

std::optional<std::string> LineChannel::next_line() {
  const auto end = in_.find('\n');
  if (end == std::string::npos) return {};
  auto line = in_.substr(0, end);
  in_.erase(0, end + 1);
  return line;
}

void LineChannel::flush() {
  while (!out_.empty() && !broken_) {
    const auto sent = ::send(socket_.descriptor(), out_.data(), out_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      out_.erase(0, static_cast<size_t>(sent));
      continue;
    }
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) broken_ = true;
    return;
  }
}

}  // namespace monge::dist
