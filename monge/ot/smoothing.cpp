#include "monge/ot/smoothing.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "monge/core/error.h"

namespace monge::ot {
namespace {

double level(const SmoothingOptions& options, int64_t iteration) {
  const double length = options.anneal * static_cast<double>(options.total);
  if (options.schedule == "constant" || static_cast<double>(iteration) >= length) return options.eps_end;
  const double done = static_cast<double>(iteration) / length, from = options.eps_start, to = options.eps_end;
  if (options.schedule == "linear") return from + (to - from) * done;
  if (options.schedule == "cosine") return to + (from - to) * 0.5 * (1 + std::cos(std::numbers::pi * done));
  if (options.schedule == "geometric") return from * std::pow(to / from, done);
  const double plateau = std::floor(done * static_cast<double>(options.levels));  // the last is at eps_end
  return from * std::pow(to / from, plateau / static_cast<double>(options.levels - 1));
}

void check(const SmoothingOptions& options) {
  const auto& s = options.schedule;
  require(s == "geometric" || s == "linear" || s == "cosine" || s == "steps" || s == "constant",
          "unknown otp.schedule \"", s, "\" (allowed: geometric, linear, cosine, steps, constant)");
  require(options.kind == "ve" || options.kind == "vp", "unknown otp.smoothing \"", options.kind,
          "\" (allowed: ve, vp)");
  require(options.eps_end >= 0 && (s == "constant" || options.eps_end <= options.eps_start),
          "otp.eps_end = ", options.eps_end, " must lie between 0 and otp.eps_start = ", options.eps_start,
          ": the noise falls during training");
  const double largest = s == "constant" ? options.eps_end : options.eps_start;
  require(options.kind == "ve" || largest <= 1, "otp.smoothing \"vp\" takes noise levels up to 1, got ", largest);
  require((s != "geometric" && s != "steps") || options.eps_end > 0, "otp.schedule \"", s,
          "\" never comes to otp.eps_end = 0; use linear or cosine, or a level above 0");
  require(options.tint >= 0 && options.tint < 1, "otp.tint = ", options.tint, " (allowed: 0 or more, below 1)");
  require(s != "steps" || options.levels >= 2, "otp.levels = ", options.levels, " (allowed: 2 or more)");
}

}  // namespace

double Smoothing::centre() const { return preserve_variance ? std::sqrt(std::max(0.0, 1 - eps * eps)) : 1.0; }

Smoothing smoothing_at(const SmoothingOptions& options, int64_t iteration) {
  check(options);
  return {.preserve_variance = options.kind == "vp", .eps = level(options, iteration), .tint = options.tint};
}

torch::Tensor smoothing_noise(const torch::Tensor& like, const Smoothing& smoothing, const ItemDraws& draws) {
  const auto white = draws.normal(like.sizes());
  if (smoothing.tint == 0) return white;
  require(like.dim() == 4, "otp.tint = ", smoothing.tint, ": only images have a tint; set it to 0");
  const auto tint = draws.normal({like.size(0), like.size(1), 1, 1});
  return std::sqrt(1 - smoothing.tint) * white + std::sqrt(smoothing.tint) * tint;
}

torch::Tensor smooth(const torch::Tensor& x, const Smoothing& smoothing, const torch::Tensor& noise) {
  const auto centre =
      smoothing.preserve_variance ? HostOrDeviceScalar(smoothing.centre(), smoothing.centre_weight) * x : x;
  return noise.defined() ? centre + HostOrDeviceScalar(smoothing.eps, smoothing.noise_weight) * noise : centre;
}

}  // namespace monge::ot
