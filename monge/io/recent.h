// The last few tables made.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace monge::io {

/// The last kMost values made, each found again by its key. Not for several threads: make it thread_local.
template <class Key, class Value, size_t kMost>
class Recent {
 public:
  /// make() is called where the key is not there; its value then takes the oldest one's place. Good until the next
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

/// The tables for the last few axes. Large ones are used for so long that making them is nothing, and many of them
/// would be much memory, so that only the last is kept; of small ones 64, for folders whose images are of a few dozen
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
