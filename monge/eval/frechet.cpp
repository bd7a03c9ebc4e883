#include "monge/eval/frechet.h"

#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/linalg_eigvalsh.h>

#include "monge/core/error.h"

namespace monge::eval {

double frechet_distance(const Moments& a, const Moments& b) {
  require(a.mean_F.sizes() == b.mean_F.sizes(), "Frechet distance: moments of ", a.mean_F.size(0), " and of ",
          b.mean_F.size(0), " features cannot be compared");
  const auto [values, vectors] = at::linalg_eigh(a.covariance_FF);
  // With S_a = V L V', the spectrum of S_a^1/2 S_b S_a^1/2 is that of L^1/2 V' S_b V L^1/2: two products less.
  const auto root = vectors * values.clamp_min(0).sqrt();
  const auto inner = root.t().matmul(b.covariance_FF).matmul(root);
  const auto spectrum = at::linalg_eigvalsh((inner + inner.t()) / 2).clamp_min(0);
  const double means = (a.mean_F - b.mean_F).square().sum().item<double>();
  const double traces = (a.covariance_FF.trace() + b.covariance_FF.trace()).item<double>();
  return std::max(means + traces - 2 * spectrum.sqrt().sum().item<double>(), 0.0);
}

}  // namespace monge::eval
