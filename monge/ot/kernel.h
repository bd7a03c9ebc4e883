// Kernel optimal transport with the distance kernel; gamma may warm up. Korotin, Selikhanovych, Burnaev 2023 (Kernel NOT).
#pragma once

#include "monge/core/error.h"
#include "monge/ot/cost.h"
#include "monge/ot/method.h"
#include "monge/ot/schedule.h"

namespace monge::ot {

class Kernel : public Method {
 public:
  /// @throws Error if options.draws < 2.
  explicit Kernel(const MethodOptions& options) : options_(options) {
    require(options.draws >= 2, "method \"kernel\": the spread over noises needs at least 2 draws per input, got Z = ",
            options.draws, "; set kernel.z = 2 or more, or method = \"strong\"");
  }

  int64_t draws() const override { return options_.draws; }

  torch::Tensor cost(const torch::Tensor& x, const torch::Tensor& y, int64_t iteration) const override {
    return kernel_cost(x, y, options_.tau,
                       linear_ramp(options_.gamma0, options_.gamma1, options_.gamma_iters, iteration));
  }
  torch::Tensor pair_cost(const torch::Tensor& x, const torch::Tensor& y) const override {
    return distance_cost(x, y, options_.tau);
  }

 private:
  MethodOptions options_;
};

}  // namespace monge::ot
