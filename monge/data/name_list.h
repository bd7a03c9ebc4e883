// A compact list of names.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

namespace monge::data {

/// Names concatenated in one buffer. A million names cost their characters and 8 bytes each.
class NameList {
 public:
  void add(std::string_view name) {
    buffer_.append(name);
    ends_.push_back(buffer_.size());
  }

  int64_t size() const { return static_cast<int64_t>(ends_.size()); }

  /// Valid until the next add().
  std::string_view operator[](int64_t i) const {
    const auto at = static_cast<size_t>(i);
    const size_t begin = at == 0 ? 0 : ends_[at - 1];
    return std::string_view(buffer_).substr(begin, ends_[at] - begin);
  }

  /// The positions of the names, sorted by their bytes; equal names stay in the order in which they were added.
  std::vector<int64_t> sorted() const {
    std::vector<int64_t> order(ends_.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [this](int64_t a, int64_t b) { return (*this)[a] < (*this)[b]; });
    return order;
  }

  /// The names at `places`, in that order.
  NameList chosen(const std::vector<int64_t>& places) const {
    NameList out;
    for (const int64_t place : places) out.add((*this)[place]);
    return out;
  }

 private:
  std::string buffer_;
  std::vector<size_t> ends_;
};

}  // namespace monge::data
