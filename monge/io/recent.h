// A cache of the tables that were made last.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace monge::io {

/// The last kMost values made, found again by their keys. Not thread-safe: make it thread_local.
template <class Key, class Value, size_t kMost>
class Recent {
 public:
  /// The value of `key`. If it is not cached, make() creates it, and it replaces the oldest value. Valid until the next
  /// call.
  template <class Make>
  const Value& get(const Key& key, const Make& make) {
    for (size_t i = 0; i < filled_; ++i) {
      if (kept_[i].first == key) return kept_[i].second;
    }
    auto& place = kept_[next_];
    place = {key, make()};
    next_ = (next_ + 1) % kMost;
    filled_ = std::min(filled_ + 1, kMost);
    return place.second;
  }

 private:
  std::array<std::pair<Key, Value>, kMost> kept_{};
  size_t next_ = 0, filled_ = 0;
};

/// The tables for the last few axes. Only the last large table is kept: it is used for so long that making it costs
/// little, and many of them would need much memory. 64 small ones are kept, for folders with images of a few dozen
/// sizes.
template <class Key, class Value>
class RecentTables {
 public:
  template <class Make>
  const Value& get(int64_t in, int64_t out, const Key& key, const Make& make) {
    return in + out <= 1024 ? small_.get(key, make) : large_.get(key, make);
  }

 private:
  Recent<Key, Value, 64> small_;
  Recent<Key, Value, 1> large_;
};

}  // namespace monge::io
