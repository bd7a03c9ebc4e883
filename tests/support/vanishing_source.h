// A source whose files vanish while it is used.
#pragma once

#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "monge/core/error.h"
#include "monge/data/wrapped_source.h"

namespace monge::testing {

/// Items that are decoded at each use, of which some file vanishes after a number of readings.
class VanishingSource : public data::WrappedSource {
 public:
  VanishingSource(std::shared_ptr<const data::Source> whole, int64_t readings)
      : WrappedSource(std::move(whole)), left_(readings) {}
  bool is_quick() const override { return false; }
  torch::Tensor stored_items(const std::vector<int64_t>& indices) const override {
    if (--left_ < 0) throw InputError("a/smile.png: No such file or directory");
    return whole().stored_items(indices);
  }
  torch::Tensor draw(int64_t n, torch::Generator generator) const override { return whole().draw(n, generator); }

 private:
  mutable std::atomic<int64_t> left_;
};

}  // namespace monge::testing
