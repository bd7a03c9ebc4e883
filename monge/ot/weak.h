// Weak optimal transport: the cost rewards a stochastic map that spreads an input over several outputs, with a weight
// gamma that may grow. The quadratic cost is that of Korotin, Selikhanovych, Burnaev 2023 (NOT), the distance kernel
// that of their Kernel NOT.
#pragma once

#include <string>

#include "monge/core/registry.h"
#include "monge/ot/cost.h"
#include "monge/ot/method.h"

namespace monge::ot {

/// How the noise of a map of images is drawn, by name; the value is MapNoise::vector:
///
///     pixels  every pixel and channel has its own draw
///     vector  every channel has one draw for the whole image, so that noise decides about content and not grain
const Registry<bool>& noise_kinds();

/// [weak]
struct WeakOptions {
  static constexpr const char* kSection = "weak";
  static constexpr const char* kHelp = "Method weak: quadratic cost minus gamma times the variance of the outputs";

  double gamma0 = 0.0;            ///< gamma at iteration 0, >= 0
  double gamma1 = 0.66;           ///< gamma from `gamma_iters` on, >= 0
  int64_t gamma_iters = 500;      ///< outer iterations of the ramp
  int64_t z = 4;                  ///< Z, samples per input in a map update, >= 2 if the method is used
  int64_t z_channels = 1;         ///< noise channels (images) or entries (vectors), >= 1
  double z_std = 0.1;             ///< standard deviation of the noise, > 0
  std::string z_kind = "pixels";  ///< see noise_kinds

  void describe(OptionRows& rows);
};

/// [kernel]
struct KernelOptions {
  static constexpr const char* kSection = "kernel";
  static constexpr const char* kHelp = "Method kernel: distances minus gamma times the spread of the outputs";

  double gamma = 1.0 / 3.0;  ///< in [0, 1]
  int64_t gamma_iters = 0;   ///< outer iterations of the ramp from 0
  int64_t z = 4;             ///< as in WeakOptions
  int64_t z_channels = 1;
  double z_std = 1.0;
  std::string z_kind = "pixels";

  void describe(OptionRows& rows);
};

/// Either method: a cost C(x, y_1..y_Z) of an input and its samples, with a weight gamma on a linear ramp.
class Weak : public Method {
 public:
  using Cost = torch::Tensor (*)(const torch::Tensor& x, const torch::Tensor& y, double tau,
                                 const HostOrDeviceScalar& gamma);
  using PairCost = torch::Tensor (*)(const torch::Tensor& x, const torch::Tensor& y, double tau);

  struct Parts {
    double tau = 0.5;
    CostKind kind = CostKind::other;
    Cost cost = weak_cost;              ///< of an input and its samples
    PairCost pair_cost = squared_cost;  ///< the cost between single points that belongs to `cost`
    double gamma_begin = 0, gamma_end = 0;
    int64_t gamma_iterations = 0;
    MapNoise noise{};
  };
  explicit Weak(Parts parts) : parts_(std::move(parts)) {}

  /// @throws InputError for Z < 2.
  void check() const override;
  CostKind cost_kind() const override { return parts_.kind; }
  MapNoise noise() const override { return parts_.noise; }
  ScheduleValues at(int64_t iteration) const override;
  torch::Tensor cost(const torch::Tensor& x, const torch::Tensor& y, const ScheduleValues& values) const override {
    return parts_.cost(x, y, parts_.tau, values.gamma);
  }
  torch::Tensor pair_cost(const torch::Tensor& x, const torch::Tensor& y) const override {
    return parts_.pair_cost(x, y, parts_.tau);
  }

 private:
  Parts parts_;
};

/// The registry's rows.
MethodEntry weak_entry();
MethodEntry kernel_entry();

}  // namespace monge::ot
