#include "monge/eval/image_features.h"

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "monge/core/error.h"
#include "monge/core/random.h"

namespace monge::eval {
namespace {

constexpr int64_t kFilters = 32, kScales = 3, kGrid = 4;
constexpr int64_t kChunk = 256;  // images in a batch

torch::Tensor features_of(const torch::Tensor& images, const std::vector<torch::Tensor>& weights) {
  std::vector<torch::Tensor> out{torch::adaptive_avg_pool2d(images, {kGrid, kGrid}).flatten(1)};
  auto maps = images;
  for (const auto& weight : weights) {
    maps = torch::leaky_relu(torch::conv2d(maps, weight, {}, /*stride=*/1, /*padding=*/1), 0.2);
    const auto flat = maps.flatten(2);
    out.push_back(flat.mean(2));
    out.push_back(flat.std(2, /*unbiased=*/false));
    maps = torch::avg_pool2d(maps, 2);
  }
  return torch::cat(out, 1);
}

}  // namespace

torch::Tensor random_features(const torch::Tensor& images, const BetweenBlocks& between_blocks) {
  require(images.dim() == 4 && images.size(0) > 0 && images.size(2) >= 8 && images.size(3) >= 8,
          "random features: images must be [N, C, H, W] of 8 x 8 pixels or more, got ", images.sizes());
  const c10::InferenceMode inference;
  const RandomStreams streams(0x6d6f6e6765);
  std::vector<torch::Tensor> weights;
  int64_t channels = images.size(1);
  for (int64_t scale = 0; scale < kScales; ++scale) {
    // He initialisation for this slope keeps the scale of a map through the net.
    const double deviation = std::sqrt(2 / (1.04 * 9 * static_cast<double>(channels)));
    weights.push_back(torch::randn({kFilters, channels, 3, 3}, streams.at("eval random features", scale)) * deviation);
    channels = kFilters;
  }
  std::vector<torch::Tensor> out;
  for (int64_t begin = 0; begin < images.size(0); begin += kChunk) {
    const auto chunk = images.slice(0, begin, begin + kChunk).to(torch::kCPU, torch::kFloat32).clamp(-1, 1);
    out.push_back(features_of(chunk, weights));
    if (between_blocks) between_blocks();
  }
  return torch::cat(out);
}

}  // namespace monge::eval
