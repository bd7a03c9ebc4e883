// Unbalanced optimal transport: a divergence in place of a fixed marginal lets the plan leave samples out.
#pragma once

#include <torch/types.h>

#include "monge/core/option_rows.h"
#include "monge/core/value_names.h"
#include "monge/ot/host_or_device_scalar.h"

namespace monge::ot {

/// The penalty Psi(s) of a marginal whose density relative to the data is s; Psi(1) = Psi'(1) = 0. By its conjugate
/// Psi*(u) and that conjugate's derivative, the density:
///
///     none      u                                        1           the marginal is that of the data
///     kl        exp(u) - 1                               exp(u)
///     softplus  2 log(1 + exp(u)) - 2 log 2              2 / (1 + exp(-u))       at most 2
///     chi2      u^2 / 4 + u for u >= -2, else -1         max(0, 1 + u / 2)
///
/// Choi, Choi, Kang 2023 (UOTM); softplus there without the constants, which give it the least penalty at s = 1.
enum class Divergence { none, kl, softplus, chi2 };

/// "none", "kl", "softplus", "chi2".
const ValueNames<Divergence>& divergences();

/// (alpha Psi)*(u) = alpha Psi*(u / alpha), entry by entry.
/// @param alpha  weight of the divergence, in the unit of the cost; > 0. A large one gives u.
torch::Tensor conjugate(Divergence divergence, const torch::Tensor& u, const HostOrDeviceScalar& alpha);

/// Its derivative Psi*'(u / alpha), the density of the marginal relative to the data.
torch::Tensor marginal_density(Divergence divergence, const torch::Tensor& u, double alpha);

/// What replaces the two marginals of a problem.
struct Marginals {
  Divergence source = Divergence::none, target = Divergence::none;

  /// Whether either is relaxed.
  bool relaxed() const { return source != Divergence::none || target != Divergence::none; }
  /// Those of the problem from the target to the source.
  Marginals reversed() const { return {target, source}; }
};

/// The loss of the potential with relaxed marginals,
///
///     mean_b (alpha Psi_source)*( f(T(x_b)) - c(x_b, T(x_b)) ) + mean_b (alpha Psi_target)*( -f(y_b) )
///
/// which for marginals that are not relaxed is mean f(T(x)) - f(y) up to the mean cost.
/// @param fake_B, real_B  f at outputs and target samples, [B], with the graph.  @param cost_B  c(x, T(x)), [B].
/// @return  a scalar.
torch::Tensor unbalanced_loss(const Marginals& marginals, const torch::Tensor& fake_B, const torch::Tensor& cost_B,
                              const torch::Tensor& real_B, const HostOrDeviceScalar& alpha);

/// [unbalanced]
struct UnbalancedOptions {
  static constexpr const char* kSection = "unbalanced";
  static constexpr const char* kHelp = "Unbalanced transport: samples may be left out (docs/unbalanced.md)";

  std::string source = "none", target = "none";  ///< names of divergences()
  double alpha = 1.0;                            ///< of both, from `alpha_iters` on
  double alpha_start = 0.0;                      ///< at iteration 0; 0: alpha
  int64_t alpha_iters = 0;                       ///< outer iterations of the geometric ramp from one to the other

  void describe(OptionRows& rows);

  Marginals marginals() const;
  /// alpha at an outer iteration (UOTM-SD; Choi, Choi, Kang 2024).
  double alpha_at(int64_t iteration) const;
  /// @throws InputError for a ramp without a start or a start without a ramp, and for numbers that have no effect.
  void check() const;
};

}  // namespace monge::ot
