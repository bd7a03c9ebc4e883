// Weak optimal transport: a stochastic map is rewarded for spreading an input over outputs, by a weight gamma that may
// grow. The quadratic cost is that of Korotin, Selikhanovych, Burnaev 2023 (NOT), the distance kernel that of their
// Kernel NOT.
#pragma once

#include "monge/core/error.h"
#include "monge/ot/cost.h"
#include "monge/ot/method.h"
#include "monge/ot/schedule.h"

namespace monge::ot {

class Weak : public Method {
 public:
  using Cost = torch::Tensor (*)(const torch::Tensor& x, const torch::Tensor& y, double tau,
                                 const HostOrDeviceScalar& gamma);
  using PairCost = torch::Tensor (*)(const torch::Tensor& x, const torch::Tensor& y, double tau);

  /// @param name       of the method, for messages.
  /// @param cost       of an input and its draws: weak_cost or kernel_cost.
  /// @param pair_cost  what `cost` is between single points.
  /// @throws Error if options.draws < 2.
  Weak(const std::string& name, const MethodOptions& options, Cost cost, PairCost pair_cost)
      : options_(options), cost_(cost), pair_cost_(pair_cost) {
    require(options.draws >= 2, "method \"", name,
            "\": the spread over noises needs at least 2 draws per input, got Z = ", options.draws, "; set ", name,
            ".z = 2 or more, or method = \"strong\"");
  }

  int64_t draws() const override { return options_.draws; }

  ScheduleValues at(int64_t iteration) const override {
    return {.gamma = linear_ramp(options_.gamma0, options_.gamma1, options_.gamma_iters, iteration)};
  }
  torch::Tensor cost(const torch::Tensor& x, const torch::Tensor& y, const ScheduleValues& values) const override {
    return cost_(x, y, options_.tau, values.gamma);
  }
  torch::Tensor pair_cost(const torch::Tensor& x, const torch::Tensor& y) const override {
    return pair_cost_(x, y, options_.tau);
  }

 private:
  MethodOptions options_;
  Cost cost_;
  PairCost pair_cost_;
};

}  // namespace monge::ot
