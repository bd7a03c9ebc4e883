// How many dimensions data really fill, and the least noise that a sample of theirs can tell from none.
#pragma once

#include <torch/types.h>

#include <cstdint>

namespace monge::ot {

struct IntrinsicDimension {
  double dimension = 0;  ///< m, above 0; no whole number in general
  int64_t points = 0;    ///< n, distinct points that it was estimated from
  int64_t repeated = 0;  ///< points left out because an equal one is kept
};

/// The TwoNN estimate of the dimension of the set that samples lie on, from the distances r1 <= r2 of each point to its
/// two nearest neighbours:
///
///     m = n / sum_i ln(r2_i / r1_i)
///
/// which is the maximum likelihood under P(r2/r1 <= u) = 1 - u^-m (Facco, d'Errico, Rodriguez and Laio 2017). Its
/// standard error is m / sqrt(n); from m = 5 or so on the estimate is too low, because most points are near the edge of
/// their set.
///
/// Repeated points would have r1 = 0; one of each is kept. In float64 on the CPU: neighbours are sought by products of
/// centred rows, in blocks of at most 2^22 entries, and their distances taken from differences. O(N^2 D) time.
/// @param samples  [N, ...], N at most 4,096; the choice of a subsample is the caller's.
/// @throws InputError  for too many points, fewer than 16 distinct ones, values that are not finite, or points of which
/// each
///                has r1 = r2, as those of a regular grid within its faces.
IntrinsicDimension intrinsic_dimension(const torch::Tensor& samples);

/// Root mean square distance of samples [N, ...] from their mean: the R below. @throws InputError for no samples.
double rms_radius(const torch::Tensor& samples);

/// The noise per coordinate under which N samples no longer show the difference to their law:
///
///     eps_stat = kappa R r_m(N) / sqrt(D),   r_m(N) = N^(-1/4) for m <= 4, else N^(-1/m)
///
/// The form is of Chu, Choi and Kwon 2026; their constant could not be read, so kappa = 1 is ours.
/// @param radius      R, RMS radius of the centred data, >= 0 (see rms_radius).
/// @param intrinsic   m, intrinsic dimension, > 0.
/// @param count       N, number of samples, >= 1.
/// @param dim         D, entries of one sample, >= 1.
/// @param kappa       >= 0.
/// @throws InputError for a value out of its range.
double statistical_noise_level(double radius, double intrinsic, int64_t count, int64_t dim, double kappa = 1);

}  // namespace monge::ot
