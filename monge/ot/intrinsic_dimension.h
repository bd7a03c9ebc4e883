// The intrinsic dimension of data, and the least noise level that a number of samples can resolve.
#pragma once

#include <torch/types.h>

#include <cstdint>

namespace monge::ot {

struct IntrinsicDimension {
  double dimension = 0;  ///< m, above 0; not an integer in general
  int64_t points = 0;    ///< n, the number of distinct points that the estimate uses
  int64_t repeated = 0;  ///< the number of points left out because they equal another one
};

/// The TwoNN estimate of the dimension of the set that samples lie on, from the distances r1 <= r2 of each point to its
/// two nearest neighbours:
///
///     m = n / sum_i ln(r2_i / r1_i)
///
/// which is the maximum likelihood estimate under P(r2/r1 <= u) = 1 - u^-m (Facco, d'Errico, Rodriguez and Laio 2017).
/// Its standard error is m / sqrt(n). From about m = 5 on the estimate is too low, because most points are near the
/// edge of their set.
///
/// Of equal points, which would have r1 = 0, one is kept. The computation is in float64 on the CPU: it searches
/// neighbours by products of centred rows, in blocks of at most 2^22 entries, and computes their distances from
/// differences. O(N^2 D) time.
/// @param samples  [N, ...], N at most 4,096; the caller chooses the subsample.
/// @throws InputError for too many points, fewer than 16 distinct ones, values that are not finite, or if all points
/// have r1 = r2, as on a grid.
IntrinsicDimension intrinsic_dimension(const torch::Tensor& samples);

/// The root mean square distance of samples [N, ...] from their mean: the R below. @throws InputError without samples.
double rms_radius(const torch::Tensor& samples);

/// The noise level per coordinate below which N samples cannot be told from their distribution:
///
///     eps_stat = kappa R r_m(N) / sqrt(D),   r_m(N) = N^(-1/4) for m <= 4, else N^(-1/m)
///
/// The formula is that of Chu, Choi and Kwon 2026. Their constant was not available, so kappa = 1 is our choice.
/// @param radius      R, RMS radius of the centred data, >= 0 (see rms_radius).
/// @param intrinsic   m, intrinsic dimension, > 0.
/// @param count       N, number of samples, >= 1.
/// @param dim         D, entries of one sample, >= 1.
/// @param kappa       >= 0.
/// @throws InputError for a value out of its range.
double statistical_noise_level(double radius, double intrinsic, int64_t count, int64_t dim, double kappa = 1);

}  // namespace monge::ot
