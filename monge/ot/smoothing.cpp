#include "monge/ot/smoothing.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "monge/core/error.h"
#include "monge/ot/otp.h"

namespace monge::ot {
namespace {

double geometric_level(const OtpOptions& o, double eps_end, double done) {
  return o.eps_start * std::pow(eps_end / o.eps_start, done);
}

double linear_level(const OtpOptions& o, double eps_end, double done) {
  return o.eps_start + (eps_end - o.eps_start) * done;
}

double cosine_level(const OtpOptions& o, double eps_end, double done) {
  return eps_end + (o.eps_start - eps_end) * 0.5 * (1 + std::cos(std::numbers::pi * done));
}

double steps_level(const OtpOptions& o, double eps_end, double done) {
  const double plateau = std::floor(done * static_cast<double>(o.levels));  // the last is at eps_end
  return o.eps_start * std::pow(eps_end / o.eps_start, plateau / static_cast<double>(o.levels - 1));
}

double constant_level(const OtpOptions&, double eps_end, double) { return eps_end; }

void check_smoothing(const OtpOptions& options, const NoiseSchedule& schedule, bool preserve_variance, double eps_end) {
  require(eps_end >= 0 && (!schedule.falls || eps_end <= options.eps_start), "otp.eps_end = ", eps_end,
          " must lie between 0 and otp.eps_start = ", options.eps_start, ": the noise falls during training");
  const double largest = schedule.falls ? options.eps_start : eps_end;
  require(!preserve_variance || largest <= 1, "otp.smoothing = \"", options.smoothing,
          "\" allows noise levels up to 1; got ", largest);
  require(schedule.reaches_zero || eps_end > 0, "otp.schedule = \"", options.schedule,
          "\" never reaches otp.eps_end = 0; use linear or cosine, or a level above 0");
  require(options.tint >= 0 && options.tint < 1, "otp.tint = ", options.tint, " (allowed: 0 or more, below 1)");
  require(!schedule.has_plateaus || options.levels >= 2, "otp.levels = ", options.levels, " (allowed: 2 or more)");
}

}  // namespace

Registry<NoiseSchedule>& noise_schedules() {
  static Registry<NoiseSchedule> schedules(
      "otp.schedule", {{"geometric", {.level = geometric_level, .reaches_zero = false}},
                       {"linear", {.level = linear_level}},
                       {"cosine", {.level = cosine_level}},
                       {"steps", {.level = steps_level, .reaches_zero = false, .has_plateaus = true}},
                       {"constant", {.level = constant_level, .falls = false}}});
  return schedules;
}

Registry<bool>& smoothing_kinds() {
  static Registry<bool> kinds("otp.smoothing", {{"ve", false}, {"vp", true}});
  return kinds;
}

double Smoothing::centre() const { return preserve_variance ? std::sqrt(std::max(0.0, 1 - eps * eps)) : 1.0; }

Smoothing smoothing_at(const OtpOptions& options, int64_t total, int64_t iteration) {
  const double eps_end = options.level_at_end();
  const auto& schedule = noise_schedules().at(options.schedule);
  const bool preserve_variance = smoothing_kinds().at(options.smoothing);
  check_smoothing(options, schedule, preserve_variance, eps_end);
  const double length = options.anneal * static_cast<double>(total);
  const bool at_end = !schedule.falls || static_cast<double>(iteration) >= length;
  const double eps = at_end ? eps_end : schedule.level(options, eps_end, static_cast<double>(iteration) / length);
  return {.preserve_variance = preserve_variance, .eps = eps, .tint = options.tint};
}

torch::Tensor smoothing_noise(const torch::Tensor& like, const Smoothing& smoothing, const ItemDraws& draws,
                              const torch::Tensor& drawn_tint) {
  const auto white = draws.normal(like.sizes());
  if (smoothing.tint == 0) return white;
  require(like.dim() == 4, "otp.tint = ", smoothing.tint, ": only images have a tint; set it to 0");
  const auto tint =
      drawn_tint.defined() ? drawn_tint.narrow(1, 0, like.size(1)) : draws.normal({like.size(0), like.size(1), 1, 1});
  return std::sqrt(1 - smoothing.tint) * white + std::sqrt(smoothing.tint) * tint;
}

torch::Tensor smooth(const torch::Tensor& x, const Smoothing& smoothing, const torch::Tensor& noise) {
  const auto centre =
      smoothing.preserve_variance ? HostOrDeviceScalar(smoothing.centre(), smoothing.centre_weight) * x : x;
  return noise.defined() ? centre + HostOrDeviceScalar(smoothing.eps, smoothing.noise_weight) * noise : centre;
}

}  // namespace monge::ot
