// A part of a finite source, so that the rest can be held out.
#pragma once

#include <memory>

#include "monge/data/finite.h"

namespace monge::data {

/// The items [begin, end) of another source, numbered from 0. Shares the other.
class Subset : public FiniteSource {
 public:
  /// @throws Error when the source is endless or not 0 <= begin < end <= its size.
  Subset(std::shared_ptr<const Source> whole, int64_t begin, int64_t end);

  std::string name() const override;
  std::vector<int64_t> item_shape() const override { return whole_->item_shape(); }
  int64_t size() const override { return end_ - begin_; }
  torch::Tensor items(const std::vector<int64_t>& indices) const override;
  std::string item_name(int64_t index) const override;

 private:
  std::shared_ptr<const Source> whole_;
  int64_t begin_, end_;
};

struct Split {
  std::shared_ptr<const Source> kept, held_out;
};

/// Holds out the last `count` items; count = 0 gives the whole and no held-out part (null). An endless source needs no
/// holding out: both parts are the source itself.
/// @throws Error when nothing would be kept.
Split hold_out(std::shared_ptr<const Source> source, int64_t count);

}  // namespace monge::data
