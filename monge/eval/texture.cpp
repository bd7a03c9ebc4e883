#include "monge/eval/texture.h"

#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "monge/core/error.h"
#include "monge/eval/luma.h"

namespace monge::eval {
namespace {

constexpr int64_t kEntriesAtOnce = 1 << 19;  // of a chunk; its planes and spectra then stay in the cache

/// The rows luma, R - luma, G - luma and B - luma.
torch::Tensor luma_and_chroma_weights() {
  const auto luma = torch::tensor({kLumaWeights[0], kLumaWeights[1], kLumaWeights[2]});
  return torch::cat({luma.unsqueeze(0), torch::eye(3, torch::kFloat64) - luma});
}

/// Whether k cycles in n pixels lie in the highest quarter of the band: |k| / n >= 3/8, in integers and so exact.
torch::Tensor is_high(const torch::Tensor& k, int64_t n) { return k.abs() * 8 >= 3 * n; }

/// How often each entry of a real DFT [H, W / 2 + 1] counts: 0 below the band, 2 where the transform leaves out the
/// conjugate entry, else 1.
torch::Tensor band_weights(int64_t height, int64_t width) {
  const auto rows = torch::arange(height), columns = torch::arange(width / 2 + 1);
  const auto ky = torch::where(rows * 2 > height, rows - height, rows);
  const auto high = is_high(ky, height).unsqueeze(1).logical_or(is_high(columns, width).unsqueeze(0));
  const auto own_conjugate = (columns == 0).logical_or(columns * 2 == width);
  return high.to(torch::kFloat64) * torch::where(own_conjugate, 1.0, 2.0);
}

}  // namespace

FineDetail fine_detail(const torch::Tensor& images) {
  require(images.dim() == 4 && (images.size(1) == 1 || images.size(1) == 3) && images.numel() > 0,
          "fine detail: images must be [B, 1, H, W] or [B, 3, H, W], got ", images.sizes());
  const c10::InferenceMode inference;
  const int64_t count = images.size(0), height = images.size(2), width = images.size(3), pixels = height * width;
  const auto mix = luma_and_chroma_weights().to(images.device(), torch::kFloat32);
  const int64_t step = std::max<int64_t>(1, kEntriesAtOnce / (images.size(1) * pixels));
  torch::Tensor energy_CHW2;  // squares of the real and imaginary parts of each plane and frequency, summed over images
  for (int64_t begin = 0; begin < count; begin += step) {
    auto planes_BCN = images.slice(0, begin, begin + step).to(torch::kFloat32).flatten(2);
    planes_BCN =
        planes_BCN - planes_BCN.mean(2, /*keepdim=*/true);  // (0, 0) is not in the band; without it: less rounding
    if (images.size(1) == 3) planes_BCN = torch::matmul(mix, planes_BCN);
    const auto spectra = torch::view_as_real(torch::fft_rfft2(planes_BCN.unflatten(2, {height, width})));
    const auto sum = spectra.square().sum(0).to(torch::kFloat64);
    energy_CHW2 = energy_CHW2.defined() ? energy_CHW2 + sum : sum;
  }
  const auto weights = band_weights(height, width).to(images.device());
  const auto planes = ((energy_CHW2.sum(3) * weights).sum(at::IntArrayRef{1, 2}) /
                       (static_cast<double>(count) * static_cast<double>(pixels) * static_cast<double>(pixels)))
                          .cpu();
  FineDetail out;
  out.luma = planes[0].item<double>();
  if (planes.size(0) > 1) out.chroma = planes.slice(0, 1).sum().item<double>();
  return out;
}

Texture texture(const torch::Tensor& outputs, const torch::Tensor& target) {
  constexpr double kLeast = 1e-3 * 2 / 255;  // 0.001 levels of 8 bits
  const auto of_outputs = fine_detail(outputs), of_target = fine_detail(target);
  Texture out;
  if (of_target.luma > kLeast * kLeast) out.luma = of_outputs.luma / of_target.luma;
  if (of_target.chroma > kLeast * kLeast) out.chroma = of_outputs.chroma / of_target.chroma;
  return out;
}

}  // namespace monge::eval
