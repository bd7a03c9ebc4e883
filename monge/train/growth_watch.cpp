#include "monge/train/growth_watch.h"

#include <algorithm>
#include <cmath>

#include "monge/core/error.h"
#include "monge/core/number.h"
#include "monge/core/random.h"
#include "monge/train/trainer.h"

namespace monge::train {
namespace {

constexpr int64_t kSamples = 64;  // of each side; the largest cost of 4,096 pairs is enough for an alarm
constexpr int64_t kWindow = 25;   // iterations; single batches may swing further

}  // namespace

void GrowthWatch::started(Trainer& trainer, int64_t /*iteration*/) {
  // A conditional potential has another scale at each noise level.
  if (trainer.solver().potential().conditional()) return;
  // Streams of its own, so that no draw of the training changes.
  const RandomStreams streams(static_cast<uint64_t>(trainer.recipe().train.seed));
  const auto items = [&](const data::Source& source, const char* side) {
    return data::some_items(source, kSamples, streams.at(text("growth watch ", side), 0))
        .flatten(1)
        .to(torch::kFloat64);
  };
  const double distance = torch::cdist(items(*trainer.data().source, "source"), items(*trainer.data().target, "target"))
                              .max()
                              .item<double>();
  const double tau = trainer.solver().tau();
  largest_cost_ = std::max(tau * distance * distance, std::sqrt(tau) * distance);  // of `kernel` it is the latter
}

void GrowthWatch::iteration_done(Trainer& trainer, int64_t done, const solve::IterationMetrics& metrics) {
  if (warned_ || largest_cost_ <= 0) return;
  ++seen_;
  const double weight = 1.0 / static_cast<double>(std::min(seen_, kWindow));
  mean_ += weight * (std::abs(metrics.loss_potential) - mean_);
  if (seen_ < kWindow || !(mean_ > largest_cost_)) return;
  warned_ = true;
  log_(LogLevel::warning,
       text("the potential runs away: at iteration ", done, " |mean f(T(x)) - mean f(y)| is ", number(mean_),
            ", more than the largest cost between samples, ", number(largest_cost_),
            ", which bounds an optimal potential. The map may not recover: stop, raise potential.r1 (",
            number(std::max(solve::advised_r1(trainer.solver().tau()), 2 * trainer.recipe().potential.r1.value_or(0))),
            " with potential.r1_every = 2), lower train.lr_map and train.lr_potential, and train again"));
}

}  // namespace monge::train
