// Entropic optimal transport with a plan in closed form: the potential is the logarithm of a Gaussian mixture, and no
// map is trained. Korotin, Gushchin, Burnaev 2024 (Light Schroedinger bridge).
#pragma once

#include "monge/ot/cost.h"
#include "monge/ot/method.h"

namespace monge::ot {

/// [light]
struct LightOptions {
  static constexpr const char* kSection = "light";
  static constexpr const char* kHelp = "Method light: an entropic plan in closed form, for vectors";

  double epsilon = 0.1;      ///< weight of the entropy, in units of the cost; > 0
  int64_t components = 100;  ///< Gaussians of the mixture

  void describe(OptionRows& rows);
};

/// The plan pi(y|x) proportional to exp((f(y) - c(x, y)) / epsilon), f = epsilon log v up to terms of c, for the cost
/// c = tau ||x - y||^2. It minimises E c(x, y) - epsilon H(pi); the formulas are in nn/gaussian_plan.h.
class Light : public Method {
 public:
  explicit Light(const MethodSetting& setting)
      : tau_(setting.tau), entries_(setting.entries), options_(setting.sections.get<LightOptions>()) {}

  /// @throws InputError for images.
  void check_items(at::IntArrayRef item_shape) const override;

  torch::Tensor cost(const torch::Tensor& x, const torch::Tensor& y, const ScheduleValues& /*values*/) const override {
    return pair_cost(x, y.squeeze(1));
  }
  torch::Tensor pair_cost(const torch::Tensor& x, const torch::Tensor& y) const override {
    return squared_cost(x, y, tau_);
  }
  /// One number for each entry of an item, and one that chooses the component.
  MapNoise noise() const override {
    return {.channels = entries_ + 1, .std = 1, .section = LightOptions::kSection, .optional = true};
  }
  bool has_closed_form() const override { return true; }
  std::string advice_when_missed() const override { return "light.components or a smaller light.epsilon"; }

 private:
  double tau_;
  int64_t entries_;
  LightOptions options_;
};

/// The registry's row.
MethodEntry light_entry();

}  // namespace monge::ot
