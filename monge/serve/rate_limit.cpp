#include "monge/serve/rate_limit.h"

#include <algorithm>

namespace monge::serve {

double RateLimit::tokens_of(const Bucket& bucket, Clock::time_point now) const {
  const double seconds = std::chrono::duration<double>(now - bucket.at).count();
  return std::min(burst_, bucket.tokens + rate_ * std::max(0.0, seconds));
}

void RateLimit::forget(Clock::time_point now) {
  std::erase_if(buckets_, [&](const auto& entry) { return tokens_of(entry.second, now) >= burst_; });
  if (buckets_.size() >= kMostClients) buckets_.erase(buckets_.begin());
}

double RateLimit::take(const std::string& client, Clock::time_point now) {
  const std::lock_guard lock(guard_);
  auto found = buckets_.find(client);
  if (found == buckets_.end()) {
    if (buckets_.size() >= kMostClients) forget(now);
    found = buckets_.emplace(client, Bucket{burst_, now}).first;
  }
  auto& bucket = found->second;
  bucket = {tokens_of(bucket, now), now};
  if (bucket.tokens < 1) return (1 - bucket.tokens) / rate_;
  bucket.tokens -= 1;
  return 0;
}

}  // namespace monge::serve
