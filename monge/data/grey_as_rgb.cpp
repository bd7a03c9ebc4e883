#include "monge/data/grey_as_rgb.h"

#include "monge/core/error.h"

namespace monge::data {
namespace {

torch::Tensor in_three_channels(const torch::Tensor& grey_N1HW) {
  return grey_N1HW.expand({-1, 3, -1, -1}).contiguous(torch::MemoryFormat::ChannelsLast);
}

}  // namespace

GreyAsRgb::GreyAsRgb(std::shared_ptr<const Source> grey) : WrappedSource(std::move(grey)) {
  const auto shape = whole().item_shape();
  if (!endless() && shape.size() == 3 && shape[0] == 1) return;
  throw InputError(text(name(), ": a finite set of grey images [1, H, W] is needed, its items have the shape ",
                        torch::IntArrayRef(shape)));
}

std::vector<int64_t> GreyAsRgb::item_shape() const {
  auto out = whole().item_shape();
  out[0] = 3;
  return out;
}

torch::Tensor GreyAsRgb::stored_items(const std::vector<int64_t>& indices) const {
  return in_three_channels(whole().stored_items(indices));
}

torch::Tensor GreyAsRgb::draw(int64_t n, torch::Generator generator) const {
  return in_three_channels(whole().draw(n, std::move(generator)));
}

}  // namespace monge::data
