#include "monge/model/small_copy.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <cmath>

namespace monge::model {

SmallCopy::SmallCopy(const torch::Tensor& image_BCHW, ImageSize size) {
  const auto height = image_BCHW.size(2), width = image_BCHW.size(3);
  const double scale = std::min(static_cast<double>(size.height) / static_cast<double>(height),
                                static_cast<double>(size.width) / static_cast<double>(width));
  const auto scaled = [scale](int64_t side, int64_t most) {
    return std::clamp<int64_t>(std::llround(scale * static_cast<double>(side)), 1, most);
  };
  height_ = scaled(height, size.height);
  width_ = scaled(width, size.width);
  top_ = (size.height - height_) / 2;
  left_ = (size.width - width_) / 2;
  // Antialiased, as images are resized for a training.
  const auto inner = at::_upsample_bicubic2d_aa(image_BCHW, {height_, width_}, /*align_corners=*/false).clamp_(-1, 1);
  image_ = at::replication_pad2d(inner, {left_, size.width - width_ - left_, top_, size.height - height_ - top_});
}

torch::Tensor SmallCopy::add_change(const torch::Tensor& image_BCHW, const torch::Tensor& output_BCHW) const {
  const auto change =
      (output_BCHW - image_).slice(2, top_, top_ + height_).slice(3, left_, left_ + width_).contiguous();
  auto out = at::upsample_bicubic2d(change, {image_BCHW.size(2), image_BCHW.size(3)}, /*align_corners=*/false);
  return out.add_(image_BCHW).clamp_(-1, 1);
}

}  // namespace monge::model
