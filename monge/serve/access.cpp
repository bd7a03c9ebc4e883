#include "monge/serve/access.h"

#include <sys/random.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "monge/core/ascii.h"
#include "monge/serve/listener.h"

namespace monge::serve {
namespace {

constexpr std::string_view kCookie = "; monge_token=";  // after the text that separates it from others

/// A Host header without its port; empty if it is malformed.
std::string host_name(const std::string& host) {
  const auto close = host.starts_with('[') ? host.find(']') : std::string::npos;
  if (host.starts_with('[') && close == std::string::npos) return {};
  const auto colon = host.find(':', close == std::string::npos ? 0 : close);
  const auto port = colon == std::string::npos ? "" : host.substr(colon + 1);
  if (port.find_first_not_of("0123456789") != std::string::npos || port.size() > 5) return {};
  return lower_case(host.substr(0, colon));
}

}  // namespace

Access::Access(AccessOptions options, std::string address)
    : options_(std::move(options)), address_(lower_case(address)), rate_(options_.rate, options_.burst) {}

bool Access::is_own_host(const std::string& host) const {
  const auto name = host_name(host);
  if (name == "localhost" || name == "127.0.0.1" || name == "[::1]") return true;
  if (name == address_ && !name.empty()) return true;
  return std::any_of(options_.hosts.begin(), options_.hosts.end(),
                     [&](const std::string& known) { return lower_case(known) == name; });
}

bool Access::is_allowed_origin(const std::string& origin) const {
  return std::any_of(options_.allow_origins.begin(), options_.allow_origins.end(),
                     [&](const std::string& allowed) { return lower_case(allowed) == lower_case(origin); });
}

std::optional<Response> Access::refusal(const Request& request, bool open) {
  const auto host = request.header("host");
  if (!is_own_host(host)) {
    return error_response(421,
                          Complaint{.what = "this server does not answer for that host",
                                    .where = "Host",
                                    .value = host,
                                    .fix = "ask for it as localhost, or name the host when the server is started"});
  }
  if (options_.rate_on_loopback || !is_loopback(request.remote)) {
    if (const double seconds = rate_.take(request.remote); seconds > 0) {
      auto out = error_response(429, Complaint{.what = "too many requests", .fix = "ask more slowly"});
      out.headers.emplace_back("Retry-After", std::to_string(static_cast<int64_t>(std::ceil(seconds))));
      return out;
    }
  }
  const auto origin = request.header("origin");
  const bool foreign_page_may = is_allowed_origin(origin);
  if (request.method != "GET" && request.method != "HEAD" && !foreign_page_may) {
    // The page of this server is on the host and port that the request names.
    const bool own = origin.empty() || lower_case(origin) == "http://" + lower_case(host) ||
                     lower_case(origin) == "https://" + lower_case(host);
    if (!own || request.header("sec-fetch-site") == "cross-site") {
      return error_response(403, Complaint{.what = "a page of another site may not ask this server",
                                           .where = "Origin",
                                           .value = origin,
                                           .fix = "allow the origin when the server is started"});
    }
  }
  if (options_.token.empty() || open || request.method == "OPTIONS") return std::nullopt;
  if (has_token(request)) return std::nullopt;
  auto out = error_response(401, Complaint{.what = "a token is needed",
                                           .where = "Authorization",
                                           .fix = "send \"Authorization: Bearer TOKEN\" with the token of the server"});
  out.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"monge\"");
  return out;
}

bool Access::has_token(const Request& request) const {
  const auto authorization = request.header("authorization");
  constexpr std::string_view kScheme = "bearer ";
  if (lower_case(authorization.substr(0, kScheme.size())) == kScheme &&
      equal_in_constant_time(options_.token, authorization.substr(kScheme.size())))
    return true;
  const auto cookies = "; " + request.header("cookie");
  const auto at = cookies.find(kCookie);
  if (at == std::string::npos) return false;
  const auto begin = at + kCookie.size(), end = std::min(cookies.find(';', begin), cookies.size());
  return equal_in_constant_time(options_.token, cookies.substr(begin, end - begin));
}

std::string Access::cookie() const {
  if (options_.token.empty()) return {};
  return std::string(kCookie.substr(2)) + options_.token + "; Path=/; HttpOnly; SameSite=Strict";
}

std::vector<std::pair<std::string, std::string>> Access::cors_headers(const Request& request) const {
  const auto origin = request.header("origin");
  if (origin.empty() || !is_allowed_origin(origin)) return {};
  return {{"Access-Control-Allow-Origin", origin},
          {"Access-Control-Allow-Methods", "GET, POST"},
          {"Access-Control-Allow-Headers", "Authorization, Content-Type"},
          {"Vary", "Origin"}};
}

std::string random_token() {
  unsigned char bytes[16];
  size_t done = 0;
  while (done < sizeof bytes) {
    const auto count = ::getrandom(bytes + done, sizeof bytes - done, 0);
    if (count > 0) done += static_cast<size_t>(count);
  }
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const unsigned char byte : bytes) out += {digits[byte >> 4], digits[byte & 15]};
  return out;
}

bool equal_in_constant_time(const std::string& secret, const std::string& given) {
  unsigned char difference = secret.size() == given.size() ? 0 : 1;
  for (size_t i = 0; i < given.size(); ++i)
    difference |= static_cast<unsigned char>(given[i] ^ secret[secret.empty() ? 0 : i % secret.size()]);
  return difference == 0;
}

}  // namespace monge::serve
