#include "monge/train/growth_watch.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "monge/core/number.h"
#include "monge/train/trainer.h"

namespace monge::train {
namespace {

constexpr int64_t kSamples = 64;  // of each side; the largest cost of 4,096 pairs is enough for an alarm
constexpr int64_t kWindow = 25;   // iterations; single batches may swing further

/// The first items of a source, [N, D] in double.
torch::Tensor first_items(const data::Source& source) {
  std::vector<int64_t> indices(static_cast<size_t>(source.endless() ? kSamples : std::min(source.size(), kSamples)));
  std::iota(indices.begin(), indices.end(), 0);
  return source.items(indices).flatten(1).to(torch::kFloat64);
}

}  // namespace

void GrowthWatch::started(Trainer& trainer, int64_t /*iteration*/) {
  // A conditional potential has another scale at each noise level.
  if (trainer.solver().potential().conditional()) return;
  const auto x_ND = first_items(*trainer.data().source), y_MD = first_items(*trainer.data().target);
  const double distance = torch::cdist(x_ND, y_MD).max().item<double>();
  largest_cost_ = trainer.solver().tau() * distance * distance;
}

void GrowthWatch::iteration_done(Trainer& /*trainer*/, int64_t done, const solve::IterationMetrics& metrics) {
  if (warned_ || largest_cost_ <= 0) return;
  ++seen_;
  const double weight = 1.0 / static_cast<double>(std::min(seen_, kWindow));
  mean_ += weight * (std::abs(metrics.loss_potential) - mean_);
  if (seen_ < kWindow || !(mean_ > largest_cost_)) return;
  warned_ = true;
  log_(LogLevel::warning,
       text("the potential runs away: at iteration ", done, " |mean f(T(x)) - mean f(y)| is ", number(mean_),
            ", and no optimal potential can exceed the largest cost between samples, ", number(largest_cost_),
            ". The map will not recover: stop, set potential.r1 = 1, potential.r1_every = 2 and train.lr_map = "
            "train.lr_potential = 2e-4, and train again"));
}

}  // namespace monge::train
