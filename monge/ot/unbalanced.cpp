#include "monge/ot/unbalanced.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <tuple>

#include "monge/core/error.h"
#include "monge/core/number.h"

namespace monge::ot {
namespace {

/// Psi* with weight 1.
torch::Tensor unit_conjugate(Divergence divergence, const torch::Tensor& u) {
  switch (divergence) {
    case Divergence::none:
      return u;
    case Divergence::kl:
      return torch::expm1(u);
    case Divergence::softplus:
      return 2 * (torch::softplus(u) - std::numbers::ln2);
    case Divergence::chi2: {
      const auto bounded = u.clamp_min(-2);
      return bounded.square() / 4 + bounded;
    }
  }
  return u;
}

}  // namespace

const ValueNames<Divergence>& divergences() {
  static const ValueNames<Divergence> names{{"none", Divergence::none},
                                            {"kl", Divergence::kl},
                                            {"softplus", Divergence::softplus},
                                            {"chi2", Divergence::chi2}};
  return names;
}

torch::Tensor conjugate(Divergence divergence, const torch::Tensor& u, const HostOrDeviceScalar& alpha) {
  if (divergence == Divergence::none) return u;
  const auto scaled = alpha.tensor.defined() ? u / alpha.tensor : u / alpha.value;
  return alpha * unit_conjugate(divergence, scaled);
}

torch::Tensor marginal_density(Divergence divergence, const torch::Tensor& u, double alpha) {
  const auto scaled = u / alpha;
  switch (divergence) {
    case Divergence::none:
      return torch::ones_like(u);
    case Divergence::kl:
      return scaled.exp();
    case Divergence::softplus:
      return 2 * scaled.sigmoid();
    case Divergence::chi2:
      return (1 + scaled / 2).clamp_min(0);
  }
  return torch::ones_like(u);
}

torch::Tensor unbalanced_loss(const Marginals& marginals, const torch::Tensor& fake_B, const torch::Tensor& cost_B,
                              const torch::Tensor& real_B, const HostOrDeviceScalar& alpha) {
  return conjugate(marginals.source, fake_B - cost_B, alpha).mean() +
         conjugate(marginals.target, -real_B, alpha).mean();
}

void UnbalancedOptions::describe(OptionRows& rows) {
  rows.on_resume(OnResume::fixed, "changes the problem");
  rows.add("source", source,
           "divergence that replaces the fixed marginal of the source, so that samples which are expensive to move "
           "count less; none: all of the source is moved")
      .choices(divergences().names());
  rows.add("target", target, "the same of the target, whose samples need not all be reached")
      .choices(divergences().names());
  rows.on_resume(OnResume::alters_updates);
  rows.add("alpha", alpha,
           "weight of the divergences, in the unit of the cost: where both sides are relaxed, mass is left out rather "
           "than moved at a cost of more than about 2 alpha")
      .above_zero();
  rows.add("alpha_start", alpha_start, "alpha at the first iteration; 0: alpha throughout").least(0);
  rows.add("alpha_iters", alpha_iters, "length of the geometric ramp from alpha_start to alpha")
      .unit("iterations")
      .least(0);
}

Marginals UnbalancedOptions::marginals() const {
  return {divergences().at(source, "unbalanced.source"), divergences().at(target, "unbalanced.target")};
}

double UnbalancedOptions::alpha_at(int64_t iteration) const {
  if (alpha_start == 0 || iteration >= alpha_iters) return alpha;
  return alpha_start * std::pow(alpha / alpha_start, static_cast<double>(iteration) / static_cast<double>(alpha_iters));
}

void UnbalancedOptions::check() const {
  const UnbalancedOptions usual;
  const std::tuple<const char*, double, double> numbers[] = {
      {"unbalanced.alpha", alpha, usual.alpha},
      {"unbalanced.alpha_start", alpha_start, usual.alpha_start},
      {"unbalanced.alpha_iters", static_cast<double>(alpha_iters), static_cast<double>(usual.alpha_iters)}};
  for (const auto& [key, value, unset] : numbers) {
    if (marginals().relaxed() || value == unset) continue;
    throw InputError({.what = "has no effect while both marginals are fixed",
                      .where = key,
                      .value = number(value),
                      .fix = "set unbalanced.source or unbalanced.target, or leave it out"});
  }
  if ((alpha_start == 0) == (alpha_iters == 0)) return;
  throw InputError({.what = "a ramp of alpha has a start and a length",
                    .where = alpha_iters == 0 ? "unbalanced.alpha_iters" : "unbalanced.alpha_start",
                    .value = "0",
                    .allowed = "a number above 0",
                    .fix = alpha_iters == 0 ? "set unbalanced.alpha_iters, or leave unbalanced.alpha_start out"
                                            : "set unbalanced.alpha_start, or leave unbalanced.alpha_iters out"});
}

}  // namespace monge::ot
