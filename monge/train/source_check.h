// What the source's own samples say before training: whether plain semi-dual training may miss the target, and to which
// noise level a smoothed source should come.
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
  double intrinsic = 0;  ///< TwoNN estimate m of the set they lie on; NaN when it cannot be had
  double intrinsic_normal =
      0;  ///< the same for normal samples of the same number and covariance: what a law with a density gives
  double radius = 0;    ///< RMS distance from the mean
  int64_t samples = 0;  ///< that all this was estimated from

  /// Whether the samples span less than the space, or less than so few samples could.
  bool spans_less() const;

  /// Whether the samples lie on a set of lower dimension: they span less than the space, or TwoNN finds less than 0.7
  /// of what it finds for a normal law. (TwoNN alone is too low from 5 dimensions on, so it is compared and not taken.)
  bool degenerate() const;
};

/// Measures at most 2,048 samples, fewer of large items (64 at least). A pure function of source and seed.
/// @throws InputError when an item cannot be read.
SourceShape measure_source(const data::Source& source, uint64_t seed);

/// The sufficient condition of Choi, Choi and Kwon 2025: where the source has a density, saddle points reach the
/// target. Tells `log` when the source seems to have none and the method does not smooth it.
void advise(const SourceShape& shape, const Recipe& recipe, const LogSink& log);

/// Fills a noise level that the recipe leaves to the data (otp.eps_end = "auto", see ot::Otp::resolve): by the number
/// of items, or for an endless law by that of the samples that training draws. Tells `log` the numbers. Leaves every
/// other recipe as it is.
/// @param items  of the source; 0 for an endless law.
/// @throws InputError when otp.eps_start is 0, or the samples are all equal.
void resolve_noise_level(Recipe& recipe, const SourceShape& shape, int64_t items, const LogSink& log);

}  // namespace monge::train
