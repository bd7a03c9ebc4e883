#include "monge/dist/socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iomanip>
#include <memory>
#include <random>
#include <thread>
#include <utility>

#include "monge/core/error.h"

namespace monge::dist {
namespace {

using Clock = std::chrono::steady_clock;

std::string reason() { return std::strerror(errno); }

void set_blocking(int descriptor, bool on) {
  const int flags = ::fcntl(descriptor, F_GETFL);
  ::fcntl(descriptor, F_SETFL, on ? flags & ~O_NONBLOCK : flags | O_NONBLOCK);
}

int milliseconds_until(Clock::time_point end) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, 1000 * 3600));
}

Clock::time_point after(Seconds timeout) { return Clock::now() + std::chrono::duration_cast<Clock::duration>(timeout); }

/// One attempt at one address. @return no descriptor, with errno set, when it failed.
UniqueFd attempt(const addrinfo& address, Clock::time_point end) {
  UniqueFd descriptor(::socket(address.ai_family, address.ai_socktype | SOCK_CLOEXEC, address.ai_protocol));
  if (!descriptor) return {};
  set_blocking(descriptor.get(), false);
  if (::connect(descriptor.get(), address.ai_addr, address.ai_addrlen) == 0) return descriptor;
  if (errno == EINPROGRESS) {
    pollfd wait{descriptor.get(), POLLOUT, 0};
    const int found = ::poll(&wait, 1, std::min(milliseconds_until(end), 5000));
    int fault = found > 0 ? 0 : ETIMEDOUT;
    socklen_t length = sizeof fault;
    if (found > 0) ::getsockopt(descriptor.get(), SOL_SOCKET, SO_ERROR, &fault, &length);
    if (fault == 0) return descriptor;
    errno = fault;
  }
  return {};  // errno survives the closing
}

}  // namespace

Socket::Socket(UniqueFd descriptor) : descriptor_(std::move(descriptor)) {
  set_blocking(descriptor_.get(), false);
  const int on = 1;
  ::setsockopt(descriptor_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

Socket Socket::connect(const std::string& host, uint16_t port, Seconds timeout) {
  const auto end = after(timeout);
  std::string why = "no attempt was made";
  do {
    addrinfo hints{}, *found = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    const int fault = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
    if (fault != 0) {
      why = ::gai_strerror(fault);
    } else {
      const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, ::freeaddrinfo);
      for (const auto* address = addresses.get(); address; address = address->ai_next) {
        if (auto descriptor = attempt(*address, end)) return Socket(std::move(descriptor));
        why = reason();
      }
    }
    std::this_thread::sleep_for(std::min<Seconds>(Seconds(0.1), timeout));
  } while (Clock::now() < end);
  throw SystemError(text("cannot connect to ", host, ", port ", port, ": ", why));
}

void Socket::send(const void* data, int64_t bytes, Seconds timeout) {
  const auto* next = static_cast<const char*>(data);
  while (bytes > 0) {
    const auto sent = ::send(descriptor_.get(), next, static_cast<size_t>(bytes), MSG_NOSIGNAL);
    if (sent > 0) {
      next += sent;
      bytes -= sent;
      continue;
    }
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
      throw SystemError(text("the connection with ", peer_, " broke: ", reason()));
    pollfd wait{descriptor_.get(), POLLOUT, 0};
    if (::poll(&wait, 1, milliseconds_until(after(timeout))) == 0)
      throw SystemError(text(peer_, " no longer accepts data"));
  }
}

void Socket::receive(void* data, int64_t bytes, Seconds timeout) {
  auto* next = static_cast<char*>(data);
  while (bytes > 0) {
    const auto got = ::recv(descriptor_.get(), next, static_cast<size_t>(bytes), 0);
    if (got > 0) {
      next += got;
      bytes -= got;
      continue;
    }
    if (got == 0) throw SystemError(text("the connection with ", peer_, " was closed"));
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK)
      throw SystemError(text("the connection with ", peer_, " broke: ", reason()));
    pollfd wait{descriptor_.get(), POLLIN, 0};
    if (::poll(&wait, 1, milliseconds_until(after(timeout))) == 0) throw SystemError(text("no data from ", peer_));
  }
}

bool Socket::receive_some(std::string& into, int64_t most) {
  const auto had = static_cast<int64_t>(into.size());
  std::string room(static_cast<size_t>(most - had), ' ');
  if (room.empty()) return true;
  const auto got = ::recv(descriptor_.get(), room.data(), room.size(), MSG_DONTWAIT);
  if (got > 0) into.append(room, 0, static_cast<size_t>(got));
  return got > 0 || (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR));
}

std::string Socket::own_address() const {
  sockaddr_storage own{};
  socklen_t length = sizeof own;
  char name[NI_MAXHOST] = {};
  if (::getsockname(descriptor_.get(), reinterpret_cast<sockaddr*>(&own), &length) != 0 ||
      ::getnameinfo(reinterpret_cast<sockaddr*>(&own), length, name, sizeof name, nullptr, 0, NI_NUMERICHOST) != 0)
    throw SystemError(text("cannot determine the address of this host: ", reason()));
  const std::string out = name;
  const std::string mapped = "::ffff:";  // IPv4 behind a socket of both kinds
  return out.starts_with(mapped) ? out.substr(mapped.size()) : out;
}

std::vector<std::string> own_addresses() {
  std::vector<std::string> out, loopback;
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return {"127.0.0.1"};
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(all, ::freeifaddrs);
  for (const auto* one = all; one; one = one->ifa_next) {
    if (!one->ifa_addr || !(one->ifa_flags & IFF_UP) || one->ifa_addr->sa_family != AF_INET) continue;
    char name[NI_MAXHOST] = {};
    if (::getnameinfo(one->ifa_addr, sizeof(sockaddr_in), name, sizeof name, nullptr, 0, NI_NUMERICHOST) != 0) continue;
    (one->ifa_flags & IFF_LOOPBACK ? loopback : out).push_back(name);
  }
  out.insert(out.end(), loopback.begin(), loopback.end());
  return out;
}

bool is_loopback(const std::string& address) { return address.starts_with("127.") || address == "::1"; }

std::string random_token() {
  std::random_device device;
  std::ostringstream out;
  for (int i = 0; i < 4; ++i) out << std::hex << std::setw(8) << std::setfill('0') << device();
  return out.str();
}

void exchange(Socket& to, const void* out, int64_t out_bytes, Socket& from, void* in, int64_t in_bytes,
              Seconds timeout) {
  auto end = after(timeout);
  const auto* out_next = static_cast<const char*>(out);
  auto* in_next = static_cast<char*>(in);
  const auto would_block = [] { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; };
  while (out_bytes > 0 || in_bytes > 0) {
    bool moved = false;
    if (out_bytes > 0) {
      const auto sent = ::send(to.descriptor(), out_next, static_cast<size_t>(out_bytes), MSG_NOSIGNAL);
      if (sent < 0 && !would_block()) throw SystemError(text("the connection with ", to.peer(), " broke: ", reason()));
      if (sent > 0) {
        out_next += sent;
        out_bytes -= sent;
        moved = true;
      }
    }
    if (in_bytes > 0) {
      const auto got = ::recv(from.descriptor(), in_next, static_cast<size_t>(in_bytes), 0);
      if (got == 0) throw SystemError(text("the connection with ", from.peer(), " was closed"));
      if (got < 0 && !would_block()) throw SystemError(text("the connection with ", from.peer(), " broke: ", reason()));
      if (got > 0) {
        in_next += got;
        in_bytes -= got;
        moved = true;
      }
    }
    if (moved) {
      end = after(timeout);
      continue;
    }
    if (Clock::now() > end) throw SystemError(text("no data arrives from ", from.peer(), " or leaves for ", to.peer()));
    pollfd waits[2] = {{out_bytes > 0 ? to.descriptor() : -1, POLLOUT, 0},
                       {in_bytes > 0 ? from.descriptor() : -1, POLLIN, 0}};
    ::poll(waits, 2, 1000);
  }
}

Listener::Listener(bool loopback) {
  // If the system has IPv6, one socket serves both families.
  for (const int family : {AF_INET6, AF_INET}) {
    if (loopback && family == AF_INET6) continue;
    descriptor_.reset(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!descriptor_) continue;
    const int off = 0;
    sockaddr_storage address{};
    socklen_t length = 0;
    if (family == AF_INET6) {
      ::setsockopt(descriptor_.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
      auto& six = reinterpret_cast<sockaddr_in6&>(address);
      six.sin6_family = AF_INET6;
      six.sin6_addr = in6addr_any;
      length = sizeof six;
    } else {
      auto& four = reinterpret_cast<sockaddr_in&>(address);
      four.sin_family = AF_INET;
      four.sin_addr.s_addr = htonl(loopback ? INADDR_LOOPBACK : INADDR_ANY);
      length = sizeof four;
    }
    if (::bind(descriptor_.get(), reinterpret_cast<sockaddr*>(&address), length) == 0 &&
        ::listen(descriptor_.get(), 1024) == 0) {
      sockaddr_storage bound{};
      socklen_t size = sizeof bound;
      ::getsockname(descriptor_.get(), reinterpret_cast<sockaddr*>(&bound), &size);
      port_ = ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(bound).sin6_port
                                                : reinterpret_cast<sockaddr_in&>(bound).sin_port);
      return;
    }
    descriptor_.reset();
  }
  throw SystemError(text("cannot listen on any port: ", reason()));
}

Socket Listener::accept(Seconds timeout) {
  pollfd wait{descriptor_.get(), POLLIN, 0};
  if (::poll(&wait, 1, milliseconds_until(after(timeout))) <= 0) return {};
  UniqueFd descriptor(::accept4(descriptor_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  return descriptor ? Socket(std::move(descriptor)) : Socket();
}

}  // namespace monge::dist
