#include "monge/serve/access.h"

#include <gmock/gmock.h>

namespace monge::serve {
namespace {

using namespace std::chrono_literals;

Request request(const std::string& method, std::map<std::string, std::string> headers,
                const std::string& remote = "127.0.0.1") {
  headers.emplace("host", "localhost:8800");
  Request out;
  out.method = method;
  out.headers = std::move(headers);
  out.remote = remote;
  return out;
}

int status_of(Access& access, const Request& request, bool open = false) {
  const auto refusal = access.refusal(request, open);
  return refusal ? refusal->status : 200;
}

TEST(Access, OnlyHostsOfThisMachineAreAnswered) {
  Access access({.hosts = {"Maps.example"}}, "127.0.0.1");
  for (const char* host : {"localhost", "LOCALHOST:1", "127.0.0.1:8800", "[::1]:8800", "[::1]", "maps.example:443"})
    EXPECT_EQ(status_of(access, request("GET", {{"host", host}})), 200) << host;
  for (const char* host : {"", "evil.example", "localhost.evil.example", "127.0.0.1.evil", "localhost:80x", "[::1",
                           "localhost:123456", "::1", "[::2]", "user@localhost"})
    EXPECT_EQ(status_of(access, request("GET", {{"host", host}})), 421) << host;
}

TEST(Access, PagesOfOtherSitesMayNotPost) {
  Access access({.allow_origins = {"https://good.example"}}, "127.0.0.1");
  EXPECT_EQ(status_of(access, request("POST", {})), 200);
  EXPECT_EQ(status_of(access, request("POST", {{"origin", "http://localhost:8800"}})), 200);
  EXPECT_EQ(status_of(access, request("POST", {{"origin", "http://localhost:8801"}})), 403);
  EXPECT_EQ(status_of(access, request("POST", {{"origin", "null"}})), 403);
  EXPECT_EQ(status_of(access, request("POST", {{"origin", "https://evil.example"}})), 403);
  EXPECT_EQ(status_of(access, request("POST", {{"sec-fetch-site", "cross-site"}})), 403);
  EXPECT_EQ(status_of(access, request("POST", {{"sec-fetch-site", "same-origin"}})), 200);
  const auto good = request("POST", {{"origin", "https://good.example"}, {"sec-fetch-site", "cross-site"}});
  EXPECT_EQ(status_of(access, good), 200);
  EXPECT_EQ(access.cors_headers(good).at(0).second, "https://good.example");
  EXPECT_TRUE(access.cors_headers(request("GET", {{"origin", "https://evil.example"}})).empty());
}

TEST(Access, TheTokenIsNeededButForOpenPaths) {
  Access access({.token = "0123456789abcdef"}, "127.0.0.1");
  EXPECT_EQ(status_of(access, request("GET", {}), /*open=*/true), 200);
  EXPECT_EQ(status_of(access, request("GET", {})), 401);
  EXPECT_EQ(access.refusal(request("GET", {}), false)->headers.at(0).first, "WWW-Authenticate");
  EXPECT_EQ(status_of(access, request("GET", {{"authorization", "Bearer 0123456789abcdef"}})), 200);
  EXPECT_EQ(status_of(access, request("GET", {{"authorization", "bearer 0123456789abcdef"}})), 200);
  EXPECT_EQ(status_of(access, request("GET", {{"authorization", "Bearer 0123456789abcdeF"}})), 401);
  EXPECT_EQ(status_of(access, request("GET", {{"authorization", "Bearer "}})), 401);
  EXPECT_EQ(status_of(access, request("GET", {{"authorization", "Basic 0123456789abcdef"}})), 401);
  EXPECT_EQ(status_of(access, request("GET", {{"cookie", "a=b; monge_token=0123456789abcdef; c=d"}})), 200);
  EXPECT_EQ(status_of(access, request("GET", {{"cookie", "monge_token=0123456789abcde"}})), 401);
  EXPECT_EQ(status_of(access, request("GET", {{"cookie", "xmonge_token=0123456789abcdef"}})), 401);
  EXPECT_THAT(access.cookie(), ::testing::HasSubstr("HttpOnly; SameSite=Strict"));
}

TEST(Access, ARateHoldsForEachAddress) {
  Access access({.rate = 0.001, .burst = 2}, "0.0.0.0");
  const auto from = [](const char* remote) { return request("GET", {}, remote); };
  EXPECT_EQ(status_of(access, from("192.0.2.1")), 200);
  EXPECT_EQ(status_of(access, from("192.0.2.1")), 200);
  const auto refusal = access.refusal(from("192.0.2.1"), true);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->status, 429);
  EXPECT_EQ(refusal->headers.at(0).first, "Retry-After");
  EXPECT_EQ(status_of(access, from("192.0.2.2")), 200);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(status_of(access, from("127.0.0.1")), 200);  // this machine is exempt
}

TEST(Access, TokensAreRandomAndComparedWhole) {
  EXPECT_EQ(random_token().size(), 32U);
  EXPECT_NE(random_token(), random_token());
  EXPECT_TRUE(equal_in_constant_time("abc", "abc"));
  for (const char* other : {"", "ab", "abcd", "abcabc", "abd"}) EXPECT_FALSE(equal_in_constant_time("abc", other));
}

TEST(RateLimit, TokensComeBackWithTime) {
  RateLimit limit(2, 3);
  const auto start = RateLimit::Clock::now();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(limit.take("a", start), 0);
  EXPECT_NEAR(limit.take("a", start), 0.5, 1e-9);
  EXPECT_EQ(limit.take("a", start + 500ms), 0);
  EXPECT_GT(limit.take("a", start + 500ms), 0);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(limit.take("a", start + 1h), 0);  // no more than the burst
  EXPECT_GT(limit.take("a", start + 1h), 0);
  for (size_t i = 0; i < 2 * RateLimit::kMostClients; ++i) EXPECT_EQ(limit.take(std::to_string(i), start + 1h), 0);
}

}  // namespace
}  // namespace monge::serve
