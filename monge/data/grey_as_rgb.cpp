#include "monge/data/grey_as_rgb.h"

#include "monge/core/error.h"

namespace monge::data {

GreyAsRgb::GreyAsRgb(std::shared_ptr<const Source> grey) : grey_(std::move(grey)) {
  require(!grey_->endless() && grey_->item_shape().size() == 3 && grey_->item_shape()[0] == 1, grey_->name(),
          ": a finite set of grey images [1, H, W] is needed, its items have the shape ",
          torch::IntArrayRef(grey_->item_shape()));
}

std::vector<int64_t> GreyAsRgb::item_shape() const {
  auto out = grey_->item_shape();
  out[0] = 3;
  return out;
}

torch::Tensor GreyAsRgb::stored_items(const std::vector<int64_t>& indices) const {
  return grey_->stored_items(indices).expand({-1, 3, -1, -1}).contiguous(torch::MemoryFormat::ChannelsLast);
}

}  // namespace monge::data
