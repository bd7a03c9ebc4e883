#include "monge/model/small_copy.h"

#include <ATen/Functions.h>

#include <algorithm>
#include <cmath>

namespace monge::model {
namespace {

/// The variance of the guide that the filter smooths away: a deviation of 7 of 255 levels.
constexpr double kFlat = 0.003;

/// The mean of 3 x 3 pixels around each; the edge is repeated.
torch::Tensor window_mean(const torch::Tensor& x_BCHW) {
  return at::avg_pool2d(at::replication_pad2d(x_BCHW, {1, 1, 1, 1}), 3, 1);
}

}  // namespace

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
  const auto inner = [this](const torch::Tensor& x) {
    return x.slice(2, top_, top_ + height_).slice(3, left_, left_ + width_).contiguous();
  };
  const auto change = inner(output_BCHW - image_), guide = inner(image_).mean(1, /*keepdim=*/true);
  // Least squares of change = slope guide + level in the window of each pixel.
  const auto mean_guide = window_mean(guide), mean_change = window_mean(change);
  const auto covariance = window_mean(guide * change) - mean_guide * mean_change;
  const auto variance = window_mean(guide * guide) - mean_guide * mean_guide;
  const auto slope = covariance / (variance + kFlat);
  const auto level = mean_change - slope * mean_guide;
  const auto enlarged = [&](const torch::Tensor& x) {
    return at::upsample_bilinear2d(window_mean(x), {image_BCHW.size(2), image_BCHW.size(3)}, /*align_corners=*/false);
  };
  auto out = enlarged(slope).mul_(image_BCHW.mean(1, /*keepdim=*/true));
  return out.add_(enlarged(level)).add_(image_BCHW).clamp_(-1, 1);
}

}  // namespace monge::model
