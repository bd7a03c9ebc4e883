// Notices that a training runs away while its values are still finite.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "monge/solve/solver.h"

namespace monge::train {

class Trainer;

/// Follows the metrics of the iterations and raises an alarm when one of four signals passes its limit (the reasons for
/// the limits are in docs/divergence.md):
///
/// potential   |mean f(T(x)) - mean f(y)| over the largest cost c between samples. For an optimal potential
///             |f(y) - f(y')| <= max_x |c(x, y) - c(x, y')| <= max c over the supports (it is a c-transform; Villani
///             2009, chapter 5). A potential that is still learned may be above: in 256 dimensions a training that ends
///             at its target went to 6. Limit 10 for the mean over 25 iterations. Not for conditional potentials, which
///             have another scale at each noise level, nor for unbalanced problems, whose loss is another. Of two
///             directions the forward one is watched.
/// cost        the mean cost of the map over the same largest cost: above 1 the outputs have left the target's region.
///             Limit 4.
/// gradients   the geometric mean of a net's gradient norm over 25 iterations over that of 500 iterations. Limit 100,
///             after 250 iterations.
/// target      the error of the push-forward on held-out data over the larger of the first evaluation's and the inputs'
///             own. Limit 4.
///
/// One iteration counts at most ten times the limit, so that a single wild batch raises no alarm. The values are equal
/// on all ranks, and the state is saved with the checkpoints: a resumed training raises the same alarms.
class DivergenceWatch {
 public:
  /// @param largest_cost  see largest_cost_of; 0 switches the first two signals off.
  /// @param bounded       whether the bound on the potential holds.
  void start(double largest_cost, bool bounded);

  /// @return what was noticed, as part of a sentence; unset while all is well.
  std::optional<std::string> add(const solve::IterationMetrics& metrics);
  /// @param error, start  of the averaged map and of the inputs themselves; NaN if unknown.
  std::optional<std::string> add_evaluation(double error, double start);

  /// The largest signal as a fraction of its limit, without the evaluations; the state of a training with more than 0.5
  /// is not taken for sound.
  double level() const;

  std::vector<double> state() const;
  /// @param state  as state() returned it; empty: as if no iteration had been seen.
  void restore(const std::vector<double>& state);

 private:
  double largest_cost_ = 0;
  bool bounded_ = false;
  double seen_ = 0;                      ///< iterations
  double potential_ = 0, cost_ = 0;      ///< means over 25 iterations, as fractions of the limits
  double short_[2] = {}, long_[2] = {};  ///< means of the logarithm of the gradient norms of map and potential
  double first_error_ = -1;              ///< of the first evaluation; -1: none yet
};

/// The largest cost of 64 x 64 pairs of samples, with the noise that a method adds to them; the same on all ranks,
/// which call it together. Draws from streams of its own.
double largest_cost_of(Trainer& trainer);

}  // namespace monge::train
