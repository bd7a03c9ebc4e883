#include "monge/nn/image_layers.h"

#include <algorithm>
#include <cmath>

#include "monge/nn/ops/convolution.h"

namespace monge::nn {

torch::nn::Conv2d make_convolution(int64_t in, int64_t out, int64_t kernel) {
  return torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, kernel).padding(kernel / 2));
}

torch::Tensor convolve(const torch::nn::Conv2d& layer, const torch::Tensor& x, bool fused) {
  return fused ? convolution(x, layer->weight, layer->bias) : layer.ptr()->forward(x);
}

torch::Tensor mean_branch(const torch::Tensor& a, const torch::Tensor& b) { return (a + b) * std::sqrt(0.5); }

torch::Tensor halve(const torch::Tensor& x) {
  return torch::avg_pool2d(x, {2, 2}, {2, 2}, {0, 0}, /*ceil_mode=*/true, /*count_include_pad=*/false);
}

int64_t halvings(ImageSize size) {
  int64_t out = 0;
  for (int64_t side = std::min(size.width, size.height); side >= 8; side /= 2) ++out;
  return out;
}

ImageSize size_after(ImageSize size, int64_t halvings) {
  for (int64_t i = 0; i < halvings; ++i) size = {(size.width + 1) / 2, (size.height + 1) / 2};
  return size;
}

}  // namespace monge::nn
