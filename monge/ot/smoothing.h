// The smoothing of the source with noise whose level falls during training.
//
// If the source has no density, the map of a saddle point of the semi-dual problem need not reach the target; for the
// smoothed source x' = x + eps n it must. Training starts with much noise and ends with little. See OTP (Choi, Choi,
// Kwon 2025).
#pragma once

#include <torch/types.h>

#include <cstdint>

#include "monge/core/item_draws.h"
#include "monge/core/registry.h"
#include "monge/ot/host_or_device_scalar.h"

namespace monge::ot {

struct OtpOptions;  // otp.h

/// A schedule of the noise level from eps_start to eps_end.
struct NoiseSchedule {
  /// The level after the fraction `done` in [0, 1) of the annealing.
  double (*level)(const OtpOptions& options, double eps_end, double done);
  bool falls = true;          ///< the level starts at eps_start; else it is eps_end throughout
  bool reaches_zero = true;   ///< eps_end may be 0
  bool has_plateaus = false;  ///< otp.levels sets the number of plateaus
};

/// The schedules by name: geometric, linear, cosine, steps (plateaus in geometric progression, the first at eps_start)
/// and constant (eps_end throughout).
Registry<NoiseSchedule>& noise_schedules();

/// How noise n of level eps is added to x, by name; the value is whether the variance is preserved:
///
///     ve  x + eps n
///     vp  sqrt(1 - eps^2) x + eps n
Registry<bool>& smoothing_kinds();

/// The smoothing at one level.
struct Smoothing {
  bool preserve_variance = false;  ///< the vp kind
  double eps = 0.0;                ///< noise level in units of the data; 0 smooths nothing
  double tint = 0.0;  ///< fraction in [0, 1) of the noise's variance that is one value per channel for the whole image
  /// eps and the weight of x on the device, for captured graphs (see HostOrDeviceScalar); else undefined.
  torch::Tensor noise_weight{}, centre_weight{};

  double centre() const;  ///< the weight of x: sqrt(1 - eps^2) for the vp kind, else 1
};

/// The smoothing at an outer iteration (0-based) of a run of `total`; its level never rises.
/// @throws InputError for an unknown kind or schedule, levels out of order, or a level that is still "auto", naming the
///         key of the recipe.
Smoothing smoothing_at(const OtpOptions& options, int64_t total, int64_t iteration);

/// The smoothed inputs: x + eps n or sqrt(1 - eps^2) x + eps n.
/// @param noise  n, shaped like x; if undefined, n = 0, which gives the centre of the smoothed inputs.
torch::Tensor smooth(const torch::Tensor& x, const Smoothing& smoothing, const torch::Tensor& noise);

/// The noise n of a batch: N(0, 1) in every entry. With a tint t the noise of an image is sqrt(1 - t) w + sqrt(t) m,
/// where w is white and m is one draw per channel. It is still normal with a covariance of full rank, as the theory
/// requires. A network sees its colour through the white noise, so the noise decides more than the output's grain.
/// @param like  [B, ...]: shape and device; with a tint [B, C, H, W].
/// @throws InputError for a tint on anything but images.
/// @param tint   m, [B, >= C, H, W] with equal pixels, if it was drawn before; undefined: it is drawn here.
torch::Tensor smoothing_noise(const torch::Tensor& like, const Smoothing& smoothing, const ItemDraws& draws,
                              const torch::Tensor& tint = {});

}  // namespace monge::ot
