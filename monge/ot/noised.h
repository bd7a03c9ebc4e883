// Strong transport against a noise-conditional potential f(y + sigma n, sigma): the laws of T(x) and y are compared at
// all blur levels, the cost stays on clean x and T(x).
#pragma once

#include "monge/ot/cost.h"
#include "monge/ot/method.h"

namespace monge::ot {

class Noised : public Method {
 public:
  explicit Noised(const MethodOptions& options) : options_(options) {}

  bool conditional() const override { return true; }

  torch::Tensor cost(const torch::Tensor& x, const torch::Tensor& y, const ScheduleValues& /*values*/) const override {
    return pair_cost(x, y.squeeze(1));
  }
  torch::Tensor pair_cost(const torch::Tensor& x, const torch::Tensor& y) const override {
    return squared_cost(x, y, options_.tau);
  }

  Perturbation perturb(const torch::Tensor& y, const ItemDraws& draws) const override {
    return draw_perturbation(options_.sigma, y, draws);
  }

 private:
  MethodOptions options_;
};

}  // namespace monge::ot
