// Strong transport with a noise-conditional potential f(y + sigma n, sigma). The potential compares the distributions
// of T(x) and y at all noise levels; the cost is that of the clean x and T(x).
#pragma once

#include <string>

#include "monge/ot/cost.h"
#include "monge/ot/method.h"

namespace monge::ot {

/// [noised]. The default distribution of the noise level and weights are EDM's (Karras et al. 2022, table 1).
struct NoisedOptions {
  static constexpr const char* kSection = "noised";
  static constexpr const char* kHelp = "Method noised: a potential that depends on the noise level of its input";

  std::string sigma_law = "edm";  ///< see sigma_laws
  double sigma_min = 0.02;        ///< > 0, in units of the data
  double sigma_max = 100.0;       ///< >= sigma_min
  double p_mean = -1.2;           ///< of ln sigma
  double p_std = 1.2;             ///< of ln sigma, > 0
  std::string weight = "edm";     ///< see sigma_weights
  double sigma_data = 0.5;        ///< sd, the standard deviation of the data, > 0
  bool normalise = true;          ///< divide the weights by their batch mean: 1/s^2 alone has a huge variance
  double clip = 5.0;              ///< largest weight, in multiples of the batch mean before clipping; 0 does not clip
  std::string embedding = "log";  ///< how the potential embeds sigma; see Conditioning
  int64_t embedding_channels = 16;
  bool scale_input = true;

  void describe(OptionRows& rows);
  /// @throws InputError for sigma_min above sigma_max.
  void check() const;
};

class Noised : public Method {
 public:
  explicit Noised(const MethodSetting& setting) : tau_(setting.tau), options_(setting.sections.get<NoisedOptions>()) {}

  CostKind cost_kind() const override { return CostKind::squared; }
  Conditioning conditioning() const override;
  torch::Tensor cost(const torch::Tensor& x, const torch::Tensor& y, const ScheduleValues& /*values*/) const override {
    return pair_cost(x, y.squeeze(1));
  }
  torch::Tensor pair_cost(const torch::Tensor& x, const torch::Tensor& y) const override {
    return squared_cost(x, y, tau_);
  }
  Perturbation perturb(const torch::Tensor& y, const ItemDraws& draws) const override {
    return draw_perturbation(options_, y, draws);
  }

 private:
  double tau_;
  NoisedOptions options_;
};

/// The registry's row.
MethodEntry noised_entry();

}  // namespace monge::ot
