// Grey images as images of three channels.
#pragma once

#include <memory>
#include <vector>

#include "monge/data/wrapped_source.h"

namespace monge::data {

/// Gives the items [1, H, W] of another source as [3, H, W] with equal channels. Keeps the other source.
class GreyAsRgb : public WrappedSource {
 public:
  /// @throws InputError unless `grey` is a finite source of [1, H, W].
  explicit GreyAsRgb(std::shared_ptr<const Source> grey);

  std::vector<int64_t> item_shape() const override;
  torch::Tensor stored_items(const std::vector<int64_t>& indices) const override;
  torch::Tensor draw(int64_t n, torch::Generator generator) const override;
};

}  // namespace monge::data
