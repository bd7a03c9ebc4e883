#include "monge/eval/paired.h"

#include <torch/utils.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "monge/core/error.h"

namespace monge::eval {
namespace {

constexpr double kRange = 2;
constexpr double kSigma = 1.5, kK1 = 0.01, kK2 = 0.03;
constexpr int64_t kBlockPixels = int64_t{1} << 16;  // the maps of a block fit into the cache

torch::Tensor doubles(const SignedImages& images) { return images.in_signed().to(torch::kFloat64); }

std::array<double, kSsimSide> gaussian_window() {
  std::array<double, kSsimSide> out;
  double sum = 0;
  for (int64_t i = 0; i < kSsimSide; ++i) {
    const double x = static_cast<double>(i - kSsimSide / 2) / kSigma;
    sum += out[i] = std::exp(-0.5 * x * x);
  }
  for (double& weight : out) weight /= sum;
  return out;
}

/// The windowed mean along one axis, by shifted sums, because LibTorch's convolutions in float64 unfold their input.
torch::Tensor blur_along(const torch::Tensor& x, int64_t axis) {
  static const auto window = gaussian_window();
  const int64_t extent = x.size(axis) - kSsimSide + 1;
  auto out = x.narrow(axis, 0, extent) * window[0];
  for (int64_t i = 1; i < kSsimSide; ++i) out.add_(x.narrow(axis, i, extent), window[i]);
  return out;
}

torch::Tensor blur(const torch::Tensor& x_NCHW) { return blur_along(blur_along(x_NCHW, 2), 3); }

torch::Tensor similarity_of(const torch::Tensor& a, const torch::Tensor& b) {
  constexpr double c1 = (kK1 * kRange) * (kK1 * kRange), c2 = (kK2 * kRange) * (kK2 * kRange);
  const auto mean_a = blur(a), mean_b = blur(b);
  const auto mean_ab = mean_a * mean_b, squares = mean_a.square() + mean_b.square();
  const auto variances = blur(a.square() + b.square()) - squares;
  const auto covariance = blur(a * b) - mean_ab;
  const auto map = (2 * mean_ab + c1) * (2 * covariance + c2) / ((squares + c1) * (variances + c2));
  return map.flatten(1).mean(1);  // channels have equally many windows, so this is the mean of their means
}

}  // namespace

torch::Tensor mean_squared_error(const SignedImages& a, const SignedImages& b) {
  check_pairs("mean squared error", a, b);
  const at::NoGradGuard no_grad;
  return (doubles(a) - doubles(b)).square().flatten(1).mean(1).cpu();
}

torch::Tensor peak_signal_to_noise(const SignedImages& a, const SignedImages& b) {
  check_pairs("PSNR", a, b);
  const at::NoGradGuard no_grad;
  return 10 * torch::log10(kRange * kRange / mean_squared_error(a, b));
}

torch::Tensor structural_similarity(const SignedImages& a, const SignedImages& b) {
  check_pairs("SSIM", a, b);
  require(a.height() >= kSsimSide && a.width() >= kSsimSide, "SSIM: images of ", a.height(), " x ", a.width(),
          " pixels are smaller than its window (allowed: ", kSsimSide, " x ", kSsimSide, " or more)");
  const at::NoGradGuard no_grad;
  const int64_t step = std::max<int64_t>(1, kBlockPixels / (a.height() * a.width()));
  std::vector<torch::Tensor> out;
  for (int64_t begin = 0; begin < a.count(); begin += step) {
    const int64_t end = std::min(begin + step, a.count());
    out.push_back(similarity_of(doubles(a.slice(begin, end)), doubles(b.slice(begin, end))).cpu());
  }
  return torch::cat(out);
}

}  // namespace monge::eval
