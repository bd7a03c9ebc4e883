// A pair of distributions whose entropic plan is known: a standard normal, and what the plan makes of it.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "monge/data/source.h"

namespace monge::data {

/// The conditional distributions of the plan at some inputs: mixtures of K Gaussians with diagonal covariances,
/// float64.
struct PlanAtInputs {
  torch::Tensor weights_NK, means_NKD, variances_KD;

  /// E[y|x], [N, D].
  torch::Tensor mean() const;
};

/// The target of the benchmark of entropic plans (Gushchin et al. 2023). The source is N(0, I). For the cost
/// 1/2 ||x - y||^2 and the weight epsilon of the entropy the plan is
///
///     pi(y|x) ~ exp(-||x - y||^2 / (2 epsilon)) sum_k b_k N(y | m_k, diag V_k)
///
/// with 5 components: m_k uniform on the sphere of radius 5, V_k the squares of the deviations 0.5 .. 1.2, evenly, in
/// random order, and b_k such that the parts of the components in all draws are one draw of Dirichlet(5). All come from
/// a fixed seed and the dimension. The published benchmark has other parameters, which are a download; figures are
/// comparable in kind only.
class EntropicMixture : public Source {
 public:
  /// @param name  its line.  @param dim  D >= 1.  @param epsilon  > 0.
  EntropicMixture(std::string name, int64_t dim, double epsilon);

  std::string name() const override { return name_; }
  std::vector<int64_t> item_shape() const override { return {m_.size(1)}; }
  int64_t size() const override { return 0; }
  torch::Tensor stored_items(const std::vector<int64_t>& indices) const override;
  torch::Tensor draw(int64_t n, torch::Generator generator) const override;

  double epsilon() const { return epsilon_; }

  /// pi(.|x). @param x_ND  any float type.
  PlanAtInputs plan(const torch::Tensor& x_ND) const;

  /// One draw from pi(.|x) for each input, [N, D] float64. A pure function of the generator's state.
  torch::Tensor plan_draw(const torch::Tensor& x_ND, torch::Generator generator) const;

 private:
  /// log b_k N(x | m_k, V_k + epsilon), up to a constant, [N, K].
  torch::Tensor exponents(const torch::Tensor& x_ND) const;

  std::string name_;
  double epsilon_;
  torch::Tensor log_weights_, m_, variances_;  ///< log b [K], m [K, D], V [K, D]
};

}  // namespace monge::data
