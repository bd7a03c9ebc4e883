// Measures the source's samples before training, to find out whether plain semi-dual training may miss the target, and
// to which noise level a smoothed source should be annealed.
#pragma once

#include <string>

#include "monge/core/log.h"
#include "monge/data/source.h"
#include "monge/train/recipe.h"

namespace monge::train {

/// How much of its space a source fills.
struct SourceShape {
  int64_t dim = 0;       ///< D, entries of an item
  int64_t rank = 0;      ///< dimensions that the samples span (or as many as they could, with fewer samples)
  double intrinsic = 0;  ///< TwoNN estimate of the dimension of the set they lie on; NaN when there is no estimate
  /// The TwoNN estimate for normal samples of the same number and covariance, which is what a law with a density gives.
  double intrinsic_normal = 0;
  double radius = 0;    ///< RMS distance from the mean
  int64_t samples = 0;  ///< number of samples measured

  /// Whether the samples span fewer dimensions than the space has, or than so few samples could span.
  bool spans_less() const;

  /// Whether the samples lie on a set of lower dimension: they span less than the space, or TwoNN finds less than 0.7
  /// of its estimate for a normal law. (TwoNN alone is too low from 5 dimensions on, so only the ratio is used.)
  bool degenerate() const;
};

/// Measures at most 2,048 samples, fewer of large items (64 at least). A pure function of source and seed.
/// @throws InputError when an item cannot be read.
SourceShape measure_source(const data::Source& source, uint64_t seed);

/// Reports to `log` when the source seems to have no density and the method does not smooth it. A density is the
/// sufficient condition of Choi, Choi and Kwon 2025 for saddle points to reach the target.
void advise(const SourceShape& shape, const Recipe& recipe, const LogSink& log);

/// Sets a noise level that the recipe leaves to the data (otp.eps_end = "auto", see ot::Otp::resolve), from the number
/// of items, or for an endless law from the number of samples that training draws. Reports the numbers to `log`. Every
/// other recipe remains as it is.
/// @param items  number of items of the source; 0 for an endless law.
/// @throws InputError when otp.eps_start is 0, or the samples are all equal.
void resolve_noise_level(Recipe& recipe, const SourceShape& shape, int64_t items, const LogSink& log);

}  // namespace monge::train
