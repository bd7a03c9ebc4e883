// The socket that a server listens on.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>

#include "monge/core/unique_fd.h"

namespace monge::serve {

struct Listener {
  UniqueFd socket;
  int64_t port = 0;
  std::string host;       ///< the address as a part of a URL: "127.0.0.1", "[::1]"
  bool loopback = false;  ///< whether only programs of this machine reach it
  bool six = false;       ///< IPv6
};

/// @param address  numeric, or "localhost".  @param port  0: a free one.
/// @throws InputError for another address, or one that cannot be listened on; SystemError without sockets.
Listener listen_on(const std::string& address, int64_t port);

/// The address of a peer in numbers ("192.0.2.1"), without its port.
std::string numeric_address(const sockaddr* address);

/// Whether a numeric address is of the machine itself: 127.0.0.0/8, ::1 and ::ffff:127.0.0.0/104.
bool is_loopback(const std::string& numeric);

}  // namespace monge::serve
