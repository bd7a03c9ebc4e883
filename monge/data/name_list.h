// Many names in little memory.
#pragma once

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

namespace monge::data {

/// Names one after another in one buffer: a million cost what their letters cost and 8 bytes each.
class NameList {
 public:
  void add(std::string_view name) {
    letters_.append(name);
    ends_.push_back(letters_.size());
  }

  int64_t size() const { return static_cast<int64_t>(ends_.size()); }

  /// Valid until the next add().
  std::string_view operator[](int64_t i) const {
    const auto at = static_cast<size_t>(i);
    const size_t begin = at == 0 ? 0 : ends_[at - 1];
    return std::string_view(letters_).substr(begin, ends_[at] - begin);
  }

  /// The places of the names in the order of their bytes; equal names in the order in which they were added.
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
  std::string letters_;
  std::vector<size_t> ends_;
};

}  // namespace monge::data
