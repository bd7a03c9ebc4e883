// Weak quadratic optimal transport with a gamma that grows from gamma0 to gamma1. Korotin, Selikhanovych, Burnaev 2023.
#pragma once

#include "monge/core/error.h"
#include "monge/ot/cost.h"
#include "monge/ot/method.h"
#include "monge/ot/schedule.h"

namespace monge::ot {

class Weak : public Method {
 public:
  /// @throws Error if options.draws < 2.
  explicit Weak(const MethodOptions& options) : options_(options) {
    require(options.draws >= 2, "method \"weak\": the variance over noises needs at least 2 draws per input, got Z = ",
            options.draws, "; set weak.z = 2 or more, or method = \"strong\"");
  }

  int64_t draws() const override { return options_.draws; }

  torch::Tensor cost(const torch::Tensor& x, const torch::Tensor& y, int64_t iteration) const override {
    return weak_cost(x, y, options_.tau,
                     linear_ramp(options_.gamma0, options_.gamma1, options_.gamma_iters, iteration));
  }
  torch::Tensor pair_cost(const torch::Tensor& x, const torch::Tensor& y) const override {
    return squared_cost(x, y, options_.tau);
  }

 private:
  MethodOptions options_;
};

}  // namespace monge::ot
