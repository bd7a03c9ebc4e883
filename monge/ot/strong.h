// Strong optimal transport: C(x, T) = tau ||x - T(x)||^2, a deterministic map. Korotin, Selikhanovych, Burnaev 2023.
#pragma once

#include "monge/ot/cost.h"
#include "monge/ot/method.h"

namespace monge::ot {

class Strong : public Method {
 public:
  explicit Strong(const MethodSetting& setting) : tau_(setting.tau) {}

  CostKind cost_kind() const override { return CostKind::squared; }
  torch::Tensor cost(const torch::Tensor& x, const torch::Tensor& y, const ScheduleValues& /*values*/) const override {
    return pair_cost(x, y.squeeze(1));
  }
  torch::Tensor pair_cost(const torch::Tensor& x, const torch::Tensor& y) const override {
    return squared_cost(x, y, tau_);
  }

 private:
  double tau_;
};

/// The registry's row.
MethodEntry strong_entry();

}  // namespace monge::ot
