#include "monge/train/divergence_watch.h"

#include <c10/util/accumulate.h>

#include <algorithm>
#include <cmath>

#include "monge/core/error.h"
#include "monge/core/number.h"
#include "monge/core/random.h"
#include "monge/train/trainer.h"

namespace monge::train {
namespace {

constexpr double kShort = 25, kLong = 500;  // iterations
constexpr double kGradientsFrom = 250;      // iterations until the long mean tells of the training
constexpr double kMostOfOne = 10;           // a single iteration counts at most so many times the limit
constexpr double kLimitOfPotential = 10, kLimitOfCost = 4, kLimitOfTarget = 4;
const double kLimitOfGradients = std::log(100.0);
constexpr int64_t kPairedSamples = 64;  // of each side

constexpr const char* kNets[] = {"map", "potential"};

/// The mean with this value; the first `window` values weigh alike.
void follow(double& mean, double value, double seen, double window) { mean += (value - mean) / std::min(seen, window); }

}  // namespace

void DivergenceWatch::start(double largest_cost, bool bounded) {
  largest_cost_ = largest_cost;
  bounded_ = bounded;
}

std::optional<std::string> DivergenceWatch::add(const solve::IterationMetrics& metrics) {
  ++seen_;
  const double norms[] = {metrics.gradient_map, metrics.gradient_potential};
  for (int net = 0; net < 2; ++net) {
    // A norm of 0, as of a net that starts at zero, has no logarithm.
    const double value = std::log(std::max(norms[net], 1e-30));
    if (!std::isfinite(value)) continue;  // fp16: an update that the loss scaler has skipped
    follow(short_[net], value, seen_, kShort);
    follow(long_[net], value, seen_, kLong);
  }
  if (largest_cost_ > 0) {
    const auto part = [&](double value, double limit) { return std::min(std::abs(value) / limit, kMostOfOne); };
    if (std::isfinite(metrics.loss_potential) && bounded_)
      follow(potential_, part(metrics.loss_potential, kLimitOfPotential * largest_cost_), seen_, kShort);
    if (std::isfinite(metrics.cost)) follow(cost_, part(metrics.cost, kLimitOfCost * largest_cost_), seen_, kShort);
  }
  if (seen_ < kShort) return {};
  if (potential_ > 1) {
    return text("the potential runs away: |mean f(T(x)) - mean f(y)| is ", number(metrics.loss_potential),
                " and, in the mean over ", kShort, " iterations, at least ",
                number(potential_ * kLimitOfPotential * largest_cost_), ", and the largest cost between samples, ",
                number(largest_cost_), ", bounds that of an optimal potential");
  }
  if (cost_ > 1) {
    return text("the map runs away: its mean cost over ", kShort, " iterations is at least ",
                number(cost_ * kLimitOfCost * largest_cost_), ", and the largest cost between samples is ",
                number(largest_cost_));
  }
  if (seen_ < kGradientsFrom) return {};
  for (int net = 0; net < 2; ++net) {
    const double growth = short_[net] - long_[net];
    if (growth > kLimitOfGradients) {
      return text("the gradient of the ", kNets[net], " runs away: its norm over ", kShort, " iterations is ",
                  number(std::exp(growth), 3), " times that over ", kLong);
    }
  }
  return {};
}

std::optional<std::string> DivergenceWatch::add_evaluation(double error, double start) {
  if (!std::isfinite(error)) return {};
  if (first_error_ < 0) first_error_ = error;
  const double usual = std::max(first_error_, std::isfinite(start) ? start : 0);
  if (!(usual > 0) || error <= kLimitOfTarget * usual) return {};
  return text("the map runs away from its target: its error on held-out data is ", number(error),
              "; that of the first evaluation, or of the inputs themselves, was ", number(usual));
}

double DivergenceWatch::level() const {
  double out = std::max(potential_, cost_);
  if (seen_ < kGradientsFrom) return out;
  for (int net = 0; net < 2; ++net) out = std::max(out, (short_[net] - long_[net]) / kLimitOfGradients);
  return out;
}

std::vector<double> DivergenceWatch::state() const {
  return {seen_, potential_, cost_, short_[0], short_[1], long_[0], long_[1], first_error_};
}

void DivergenceWatch::restore(const std::vector<double>& state) {
  const std::vector<double> fresh = {0, 0, 0, 0, 0, 0, 0, -1};
  const auto& s = state.size() == fresh.size() ? state : fresh;
  seen_ = s[0];
  potential_ = s[1];
  cost_ = s[2];
  for (size_t net = 0; net < 2; ++net) {
    short_[net] = s[3 + net];
    long_[net] = s[5 + net];
  }
  first_error_ = s[7];
}

double largest_cost_of(Trainer& trainer) {
  const RandomStreams streams(static_cast<uint64_t>(trainer.recipe().train.seed));
  const auto items = [&](const data::Source& source, const char* side) {
    return data::some_items(source, kPairedSamples, streams.at(text("growth watch ", side), 0))
        .flatten(1)
        .to(torch::kFloat64);
  };
  auto& group = trainer.group();
  // Ranks with another number of threads may round differently.
  double out = 0;
  if (group.is_root()) {
    double distance = torch::cdist(items(*trainer.data().source, "source"), items(*trainer.data().target, "target"))
                          .max()
                          .item<double>();
    const auto dim = static_cast<double>(c10::multiply_integers(trainer.data().source->item_shape()));
    distance += trainer.solver().method().smoothing(0).eps * std::sqrt(dim);
    const double tau = trainer.solver().tau();
    out = std::max(tau * distance * distance, std::sqrt(tau) * distance);  // of `kernel` it is the latter
  }
  const auto sent = torch::tensor(out, torch::kFloat64);
  group.broadcast(sent);
  return sent.item<double>();
}

}  // namespace monge::train
