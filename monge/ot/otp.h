// Optimal transport plan: another method's problem for a smoothed source whose noise falls. At the end the map is used
// on x + eps_end n, so that a deterministic network draws from a plan. Choi, Choi, Kwon 2025 (OTP).
#pragma once

#include <memory>
#include <utility>

#include "monge/ot/method.h"

namespace monge::ot {

/// Everything but the smoothing is the inner method's; the cost is that between the smoothed input and its output.
class Otp : public Method {
 public:
  Otp(std::unique_ptr<Method> inner, SmoothingOptions options)
      : inner_(std::move(inner)), options_(std::move(options)) {
    smoothing_at(options_, 0);  // refuses bad options now
  }

  ScheduleValues at(int64_t iteration) const override {
    auto values = inner_->at(iteration);
    values.smoothing = smoothing_at(options_, iteration);
    return values;
  }

  int64_t draws() const override { return inner_->draws(); }
  bool conditional() const override { return inner_->conditional(); }
  torch::Tensor cost(const torch::Tensor& x, const torch::Tensor& y, const ScheduleValues& values) const override {
    return inner_->cost(x, y, values);
  }
  torch::Tensor pair_cost(const torch::Tensor& x, const torch::Tensor& y) const override {
    return inner_->pair_cost(x, y);
  }
  Perturbation perturb(const torch::Tensor& y, const ItemDraws& draws) const override {
    return inner_->perturb(y, draws);
  }

 private:
  std::unique_ptr<Method> inner_;
  SmoothingOptions options_;
};

}  // namespace monge::ot
