#include "monge/eval/colouring.h"

#include <algorithm>
#include <limits>

#include "monge/core/error.h"
#include "monge/eval/luma.h"

namespace monge::eval {
namespace {

constexpr double kLevels = 127.5;  // of 8 bits, in one unit of the range [-1, 1]
constexpr double kWhite = 2 * 0.985 - 1;
constexpr double kGreyWithin = 1.5 / kLevels;
constexpr int64_t kEntriesAtOnce =
    1 << 18;  // of the inputs of a chunk, so that what is computed of it stays in the cache

/// Calls `use(begin, length)` for chunks of images until it returns false.
template <class Use>
void for_each_chunk(const torch::Tensor& images, const Use& use) {
  const int64_t count = images.size(0);
  const int64_t step = std::max<int64_t>(1, kEntriesAtOnce / std::max<int64_t>(1, images.numel() / count));
  for (int64_t begin = 0; begin < count; begin += step) {
    if (!use(begin, std::min(step, count - begin))) return;
  }
}

void check_outputs(const char* what, const torch::Tensor& input, const torch::Tensor& output) {
  require(input.dim() == 4 && input.size(1) == 3 && output.dim() == 5 && output.size(0) == input.size(0) &&
              output.sizes().slice(2) == input.sizes().slice(1) && output.numel() > 0,
          what, ": inputs must be [B, 3, H, W] and outputs [B, K, 3, H, W], got ", input.sizes(), " and ",
          output.sizes());
}

/// [B, H, W]: whether a pixel of images [B, 3, H, W] is white.
torch::Tensor white_pixels(const torch::Tensor& images) {
  return torch::minimum(torch::minimum(images.select(1, 0), images.select(1, 1)), images.select(1, 2)) > kWhite;
}

/// Red, green and blue of images [..., 3, H, W] by these weights, [..., H, W].
torch::Tensor weighted(const torch::Tensor& images, const double (&weights)[3]) {
  auto sum = images.select(-3, 0) * weights[0];
  for (int64_t c = 1; c < 3; ++c) sum.add_(images.select(-3, c), weights[c]);
  return sum;
}

}  // namespace

bool are_grey(const torch::Tensor& images) {
  if (images.size(1) != 3) return false;
  bool grey = true;
  for_each_chunk(images, [&](int64_t begin, int64_t length) {
    const auto chunk = images.narrow(0, begin, length);
    const auto differs = [&](int64_t a, int64_t b) {
      return (chunk.select(1, a) - chunk.select(1, b)).abs_().max().item<double>() > kGreyWithin;
    };
    grey = !differs(0, 1) && !differs(1, 2) && !differs(0, 2);
    return grey;
  });
  return grey;
}

bool any_white_background(const torch::Tensor& images) {
  if (images.size(1) != 3) return false;
  bool found = false;
  for_each_chunk(images, [&](int64_t begin, int64_t length) {
    const auto white = white_pixels(images.narrow(0, begin, length)).flatten(1).sum(1);
    found = white.max().item<int64_t>() > kWhitePixels;
    return !found;
  });
  return found;
}

double BackgroundSums::mean() const { return images > 0 ? shift / images : std::numeric_limits<double>::quiet_NaN(); }

BackgroundSums background_sums(const torch::Tensor& input, const torch::Tensor& output, const torch::Tensor& right) {
  check_outputs("background shift", input, output);
  BackgroundSums sums;
  for_each_chunk(input, [&](int64_t begin, int64_t length) {
    auto white = white_pixels(input.narrow(0, begin, length)).flatten(1);
    if (!right.is_same(input)) white = white.logical_and(white_pixels(right.narrow(0, begin, length)).flatten(1));
    const auto pixels = white.sum(1);
    const auto deviation = weighted((1 - output.narrow(0, begin, length)).abs_(), {1. / 3, 1. / 3, 1. / 3}).mean(1);
    const auto mean = (deviation.flatten(1) * white).sum(1) / pixels;
    const auto counts = pixels > kWhitePixels;
    sums.shift += kLevels * mean.masked_select(counts).sum().item<double>();
    sums.images += counts.sum().item<double>();
    return true;
  });
  return sums;
}

double background_shift(const torch::Tensor& input, const torch::Tensor& output) {
  return background_sums(input, output, input).mean();
}

double luma_shift(const torch::Tensor& input, const torch::Tensor& output) {
  check_outputs("luma shift", input, output);
  double sum = 0;  // over inputs, of the mean over their outputs and pixels
  for_each_chunk(input, [&](int64_t begin, int64_t length) {
    const auto before = weighted(input.narrow(0, begin, length), kLumaWeights).unsqueeze(1);
    const auto after = weighted(output.narrow(0, begin, length), kLumaWeights);
    sum += static_cast<double>(length) * (after - before).abs_().mean().item<double>();
    return true;
  });
  return kLevels * sum / static_cast<double>(input.size(0));
}

}  // namespace monge::eval
