// Smoothing of the source, with a noise level that falls during training.
//
// Where the source has no density, a saddle point of the semi-dual problem need not reach the target; for the smoothed
// source x' = x + eps n it must. Training starts with much noise and ends with little. Choi, Choi, Kwon 2025 (OTP).
#pragma once

#include <torch/types.h>

#include <cstdint>

#include "monge/core/item_draws.h"
#include "monge/core/registry.h"
#include "monge/ot/host_or_device_scalar.h"

namespace monge::ot {

struct OtpOptions;  // otp.h

/// How the noise level goes from eps_start to eps_end.
struct NoiseSchedule {
  /// The level after the fraction `done` in [0, 1) of the annealing.
  double (*level)(const OtpOptions& options, double eps_end, double done);
  bool falls = true;          ///< from eps_start; else it is at eps_end throughout
  bool reaches_zero = true;   ///< eps_end may be 0
  bool has_plateaus = false;  ///< otp.levels counts
};

/// The schedules by name: geometric, linear, cosine, steps (plateaus in a geometric row, the first at eps_start),
/// constant (eps_end throughout).
Registry<NoiseSchedule>& noise_schedules();

/// How noise n of level eps is added to x, by name: ve: x + eps n; vp: sqrt(1 - eps^2) x + eps n. The value says
/// whether the variance is preserved.
Registry<bool>& smoothing_kinds();

/// The smoothing at one level.
struct Smoothing {
  bool preserve_variance = false;  ///< the vp kind
  double eps = 0.0;                ///< noise level in units of the data; 0 smooths nothing
  double tint = 0.0;  ///< fraction in [0, 1) of the noise's variance that is one value a channel for the whole image
  torch::Tensor noise_weight{},
      centre_weight{};  ///< eps and the weight of x, where a graph reads them (see HostOrDeviceScalar)

  double centre() const;  ///< weight of x: sqrt(1 - eps^2) of the vp kind, else 1
};

/// The smoothing at an outer iteration (0-based) of a run of `total`; its level never rises.
/// @throws InputError for an unknown kind or schedule, levels out of order, or a level that is still "auto", naming the
///         key of the recipe.
Smoothing smoothing_at(const OtpOptions& options, int64_t total, int64_t iteration);

/// x + eps n or sqrt(1 - eps^2) x + eps n. @param noise  n, like x; undefined takes n = 0, the centre of the smoothed
/// inputs.
torch::Tensor smooth(const torch::Tensor& x, const Smoothing& smoothing, const torch::Tensor& noise);

/// The noise n of a batch: N(0, 1) in every entry. With a tint t, images get sqrt(1 - t) white + sqrt(t) m, m one draw
/// a channel: still normal with a full covariance, which is all that the theory asks of it, and its colour is what a
/// network sees across white noise, so that the noise can decide more than grain.
/// @param like  [B, ...]: shape and device; with a tint [B, C, H, W]. @throws InputError for another.
torch::Tensor smoothing_noise(const torch::Tensor& like, const Smoothing& smoothing, const ItemDraws& draws);

}  // namespace monge::ot
