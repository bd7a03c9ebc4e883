#include "monge/eval/gaussian.h"

#include <torch/types.h>

#include "monge/core/error.h"

namespace monge::eval {
namespace {

/// The eigen-decomposition of a symmetric matrix.
struct Spectrum {
  torch::Tensor values, vectors;

  /// V diag(max(values, 0)^exponent) V'
  torch::Tensor power(double exponent) const {
    return torch::matmul(vectors * values.clamp_min(0).pow(exponent), vectors.t());
  }
};

/// @throws InputError  naming the matrix, unless it is finite, symmetric and semi-definite (or definite).
Spectrum spectrum(const char* name, const torch::Tensor& matrix, bool definite) {
  require(torch::isfinite(matrix).all().item<bool>(), "Gaussian map: ", name, " has entries that are not finite");
  const double scale = std::max(matrix.abs().max().item<double>(), 1e-300);
  require((matrix - matrix.t()).abs().max().item<double>() <= 1e-6 * scale, "Gaussian map: ", name,
          " is not symmetric");
  auto [values, vectors] = torch::linalg_eigh(matrix);
  const double least = values[0].item<double>();
  const double rounding = 1e-12 * scale * static_cast<double>(matrix.size(0));
  require(definite ? least > rounding : least >= -rounding, "Gaussian map: ", name, " has the eigenvalue ", least,
          " (allowed: ", definite ? "above 0; use fewer dimensions or add a ridge)" : "0 or more)");
  return {values, vectors};
}

torch::Tensor in_float64(const torch::Tensor& t) { return t.detach().to(torch::kCPU, torch::kFloat64); }

}  // namespace

torch::Tensor GaussianMap::operator()(const torch::Tensor& x) const {
  require(x.dim() == 2 && x.size(1) == mean_p.size(0), "Gaussian map: x must be [N, ", mean_p.size(0), "]; got ",
          x.sizes());
  return (mean_q + torch::matmul(in_float64(x) - mean_p, A)).to(x.device(), x.scalar_type());
}

GaussianMap gaussian_ot_map(const torch::Tensor& mean_p, const torch::Tensor& covariance_p, const torch::Tensor& mean_q,
                            const torch::Tensor& covariance_q) {
  require(mean_p.dim() == 1 && mean_p.size(0) > 0, "Gaussian map: the means must be [D]; got ", mean_p.sizes());
  const int64_t dim = mean_p.size(0);
  const std::vector<int64_t> square = {dim, dim};
  require(mean_q.sizes() == mean_p.sizes() && covariance_p.sizes() == square && covariance_q.sizes() == square,
          "Gaussian map: for means of [", dim, "] the covariances must be [", dim, ", ", dim, "]; got ", mean_q.sizes(),
          ", ", covariance_p.sizes(), ", ", covariance_q.sizes());
  const auto m_p = in_float64(mean_p), m_q = in_float64(mean_q), S_p = in_float64(covariance_p),
             S_q = in_float64(covariance_q);
  const auto p = spectrum("the source's covariance", S_p, /*definite=*/true);
  spectrum("the target's covariance", S_q, /*definite=*/false);

  const auto root = p.power(0.5), inverse_root = p.power(-0.5);
  const auto product = torch::matmul(root, torch::matmul(S_q, root));
  const auto middle = spectrum("the product", (product + product.t()) / 2, /*definite=*/false).power(0.5);
  const auto A = torch::matmul(inverse_root, torch::matmul(middle, inverse_root));
  const double shift = (m_p - m_q).square().sum().item<double>();
  const double spread = (S_p.trace() + S_q.trace() - 2 * middle.trace()).item<double>();
  return {.mean_p = m_p, .mean_q = m_q, .A = (A + A.t()) / 2, .w2_squared = shift + spread};
}

}  // namespace monge::eval
