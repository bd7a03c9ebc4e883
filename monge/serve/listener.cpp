#include "monge/serve/listener.h"

#include <netdb.h>
#include <netinet/in.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "monge/core/error.h"
#include "monge/core/user_words.h"

namespace monge::serve {
namespace {

constexpr int kBacklog = 1024;

int64_t port_of(int socket) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length) != 0) return 0;
  return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6*>(&address)->sin6_port
                                             : reinterpret_cast<sockaddr_in*>(&address)->sin_port);
}

}  // namespace

std::string numeric_address(const sockaddr* address) {
  char host[NI_MAXHOST] = "";
  const socklen_t length = address->sa_family == AF_INET6 ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
  if (::getnameinfo(address, length, host, sizeof host, nullptr, 0, NI_NUMERICHOST) != 0) return "unknown";
  return host;
}

bool is_loopback(const std::string& numeric) {
  return numeric.starts_with("127.") || numeric == "::1" || numeric.starts_with("::ffff:127.");
}

Listener listen_on(const std::string& address, int64_t port) {
  const auto where = user_word("ServeOptions::listen");
  require(port >= 0 && port <= 65535, user_word("ServeOptions::port"), " ", port,
          ": allowed is 0 (a free one) to 65535");
  addrinfo hints{}, *found = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV | AI_NUMERICHOST;
  const auto numeric = address == "localhost" ? "127.0.0.1" : address;
  if (::getaddrinfo(numeric.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) {
    throw InputError({.what = "not an address of this machine",
                      .where = where,
                      .value = address,
                      .allowed = "an address in numbers, such as 127.0.0.1, 0.0.0.0 or ::1, or localhost"});
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
  Listener out;
  out.socket = UniqueFd(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!out.socket) throw SystemError(text("no socket can be opened: ", std::strerror(errno)));
  const int on = 1;
  ::setsockopt(out.socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(out.socket.get(), found->ai_addr, found->ai_addrlen) != 0 || ::listen(out.socket.get(), kBacklog) != 0) {
    throw InputError({.what = text("cannot listen there: ", std::strerror(errno)),
                      .where = where,
                      .value = text(address, ", port ", port),
                      .fix = "choose another " + user_word("ServeOptions::port") + ", or 0 for a free one"});
  }
  out.port = port_of(out.socket.get());
  out.six = found->ai_family == AF_INET6;
  const auto shown = numeric_address(found->ai_addr);
  out.host = out.six ? "[" + shown + "]" : shown;
  out.loopback = is_loopback(shown);
  return out;
}

}  // namespace monge::serve
