// An alarm for potentials that run away.
#pragma once

#include <cstdint>

#include "monge/core/log.h"
#include "monge/train/observer.h"

namespace monge::train {

/// Warns once if the potential outgrows the cost. For a cost c the potential of an optimal plan satisfies
///
///     |f(y) - f(y')| <= max_x |c(x, y) - c(x, y')| <= max c
///
/// over the supports (it is a c-transform; Villani 2009, chapter 5). So |mean f(T(x)) - mean f(y)| cannot be larger
/// than the largest cost once the map takes values in the support of the target. In a training that diverges slowly it
/// is, long before a value is not finite: the losses then swing ever more widely, and outputs turn to mud. The alarm
/// takes the mean over 25 iterations. Costs with a variance (weak) or noise in their input (otp) allow for somewhat
/// more than the cost between samples, so it is a warning and stops nothing.
class GrowthWatch : public Observer {
 public:
  explicit GrowthWatch(LogSink log) : log_(std::move(log)) {}

  /// Measures the largest cost, on samples of both sides.
  void started(Trainer& trainer, int64_t iteration) override;
  bool needs_nets(const Trainer& /*trainer*/, int64_t /*done*/) const override { return false; }
  void iteration_done(Trainer& trainer, int64_t done, const solve::IterationMetrics& metrics) override;

  bool warned() const { return warned_; }

 private:
  LogSink log_;
  double largest_cost_ = 0;  ///< 0: not watched
  double mean_ = 0;          ///< exponential mean of |mean f(T(x)) - mean f(y)|
  int64_t seen_ = 0;         ///< iterations of this process
  bool warned_ = false;
};

}  // namespace monge::train
