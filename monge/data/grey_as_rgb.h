// Grey images given in three channels.
#pragma once

#include <memory>

#include "monge/data/finite.h"

namespace monge::data {

/// Items [1, H, W] of another source as [3, H, W] with equal channels. Shares the other.
class GreyAsRgb : public FiniteSource {
 public:
  /// @throws Error unless `grey` is a finite source of [1, H, W].
  explicit GreyAsRgb(std::shared_ptr<const Source> grey);

  std::string name() const override { return grey_->name(); }
  std::vector<int64_t> item_shape() const override;
  int64_t size() const override { return grey_->size(); }
  torch::Tensor stored_items(const std::vector<int64_t>& indices) const override;
  std::string item_name(int64_t index) const override { return grey_->item_name(index); }
  bool gives_files() const override { return grey_->gives_files(); }
  int sample_bits(int64_t index) const override { return grey_->sample_bits(index); }
  bool is_quick() const override { return grey_->is_quick(); }
  Remarks remarks() const override { return grey_->remarks(); }

 private:
  std::shared_ptr<const Source> grey_;
};

}  // namespace monge::data
