// How many requests each client may send.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace monge::serve {

/// A token bucket for each client: a request takes a token, and `rate` tokens per second come back, up to `burst`.
/// Thread-safe. It remembers up to kMostClients; if there are more, those whose buckets are full are forgotten first.
class RateLimit {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr size_t kMostClients = 10000;

  /// @param rate  requests per second, above 0.
  RateLimit(double rate, double burst) : rate_(rate), burst_(burst) {}

  /// Takes a token. @return the seconds until there is one; 0 if one was taken.
  double take(const std::string& client, Clock::time_point now = Clock::now());

 private:
  struct Bucket {
    double tokens;
    Clock::time_point at;
  };
  double tokens_of(const Bucket& bucket, Clock::time_point now) const;
  void forget(Clock::time_point now);

  const double rate_, burst_;
  std::mutex guard_;
  std::map<std::string, Bucket> buckets_;
};

}  // namespace monge::serve
