// Who may ask, decided from the header of a request alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "monge/serve/http_message.h"
#include "monge/serve/rate_limit.h"

namespace monge::serve {

struct AccessOptions {
  std::vector<std::string> hosts = {};          ///< further names in the Host header, without port
  std::vector<std::string> allow_origins = {};  ///< pages of other sites that may ask: "https://example.org"
  std::string token = {};                       ///< of the Authorization header; empty: none is needed
  double rate = 50, burst = 100;                ///< requests per second of one address, see RateLimit
  bool rate_on_loopback = false;                ///< whether the rate holds for this machine too
};

/// Refuses requests that do not come from a user of the server:
///
///     421  the Host header is neither this machine (localhost, 127.0.0.1, [::1]) nor one of `hosts`. A page on the
///          internet whose name is pointed to this machine (DNS rebinding) has its own name there
///     403  a request other than GET and HEAD that a page of another site sends: Origin is neither this server's nor
///          one of `allow_origins`, or Sec-Fetch-Site is cross-site without such an Origin
///     401  the bearer token is missing or wrong, in the Authorization header and in the cookie that a page gets for
///     it;
///          compared in a time that does not depend on where they differ
///     429  the address has used up its rate
///
/// The rate is counted before the token is compared, so that tokens cannot be tried out quickly.
class Access {
 public:
  /// @param address  of the server, which is a legal Host, too.
  Access(AccessOptions options, std::string address);

  /// @param open  whether the path needs no token.
  /// @return the refusal; nothing if the request may go on.
  std::optional<Response> refusal(const Request& request, bool open);

  /// The cookie with which the page of this server is known from then on: not for scripts, and not sent by the pages of
  /// other sites. Empty if no token is needed.
  std::string cookie() const;

  /// The headers of CORS for a page of `allow_origins`; empty for all others.
  std::vector<std::pair<std::string, std::string>> cors_headers(const Request& request) const;

 private:
  bool has_token(const Request& request) const;
  bool is_own_host(const std::string& host) const;
  bool is_allowed_origin(const std::string& origin) const;

  const AccessOptions options_;
  const std::string address_;
  RateLimit rate_;
};

/// A random token of 32 characters from the system's generator.
std::string random_token();

/// Whether two texts are equal, in a time that depends only on the length of `given`.
bool equal_in_constant_time(const std::string& secret, const std::string& given);

}  // namespace monge::serve
