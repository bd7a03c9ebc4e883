// Smoothing of the source, with a noise level that falls during training.
//
// Where the source has no density, a saddle point of the semi-dual problem need not reach the target; for the smoothed
// source x' = x + eps n it must. Training starts with much noise and ends with little. Choi, Choi, Kwon 2025 (OTP).
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>

#include "monge/core/item_draws.h"
#include "monge/ot/host_or_device_scalar.h"

namespace monge::ot {

/// How the noise level goes from eps_start to eps_end.
struct SmoothingOptions {
  std::string kind = "ve";  ///< "ve": x + eps n; "vp": sqrt(1 - eps^2) x + eps n
  double eps_start = 1.0;   ///< in units of the data, >= eps_end; at most 1 for vp
  double eps_end = 0.1;     ///< >= 0; above 0 for the geometric kinds
  std::string schedule =
      "geometric";      ///< "geometric" | "linear" | "cosine" | "steps" | "constant" (eps_end throughout)
  double anneal = 0.7;  ///< share of the iterations over which the level falls, in [0, 1]; eps_end after it
  int64_t levels = 8;   ///< of "steps": plateaus in a geometric row, the first at eps_start, >= 2
  int64_t total = 0;    ///< outer iterations of the run
  double tint = 0.0;    ///< see Smoothing
};

/// The smoothing at one values.
struct Smoothing {
  bool preserve_variance = false;  ///< the vp kind
  double eps = 0.0;                ///< noise level in units of the data; 0 smooths nothing
  double tint = 0.0;  ///< share in [0, 1) of the noise's variance that is one value a channel for the whole image
  torch::Tensor noise_weight{},
      centre_weight{};  ///< eps and the weight of x, where a graph reads them (see HostOrDeviceScalar)

  double centre() const;  ///< weight of x: sqrt(1 - eps^2) of the vp kind, else 1
};

/// The noise level at an outer iteration (0-based); never rises.
/// @throws Error for an unknown kind or schedule, or levels out of order, naming the key of the recipe.
Smoothing smoothing_at(const SmoothingOptions& options, int64_t iteration);

/// x + eps n or sqrt(1 - eps^2) x + eps n. @param noise  n, like x; undefined takes n = 0, the centre of the smoothed
/// inputs.
torch::Tensor smooth(const torch::Tensor& x, const Smoothing& smoothing, const torch::Tensor& noise);

/// The noise n of a batch: N(0, 1) in every entry. With a tint t, images get sqrt(1 - t) white + sqrt(t) m, m one draw
/// a channel: still normal with a full covariance, which is all that the theory asks of it, and its colour is what a
/// network sees across white noise, so that the noise can decide more than grain.
/// @param like  [B, ...]: shape and device; with a tint [B, C, H, W]. @throws Error for another.
torch::Tensor smoothing_noise(const torch::Tensor& like, const Smoothing& smoothing, const ItemDraws& draws);

}  // namespace monge::ot
