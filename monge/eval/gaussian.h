// Optimal transport between Gaussians, in closed form.
#pragma once

#include <torch/types.h>

namespace monge::eval {

/// The optimal map x -> mean_q + A (x - mean_p) between two Gaussians for the squared distance, and its cost.
struct GaussianMap {
  torch::Tensor mean_p, mean_q;  ///< [D] float64
  torch::Tensor A;               ///< [D, D] float64, symmetric, positive semi-definite
  double w2_squared = 0;         ///< E||x - T(x)||^2

  /// @param x  [N, D], any float type. @return [N, D] in x's type.
  torch::Tensor operator()(const torch::Tensor& x) const;
};

/// The optimal map between Gaussians:
///
///     A    = S_P^-1/2 (S_P^1/2 S_Q S_P^1/2)^1/2 S_P^-1/2
///     W2^2 = ||m_P - m_Q||^2 + tr(S_P + S_Q - 2 (S_P^1/2 S_Q S_P^1/2)^1/2)
///
/// Dowson and Landau 1982; Peyre and Cuturi 2019, remark 2.31.
/// @param mean_p,mean_q              [D].
/// @param covariance_p,covariance_q  [D, D], symmetric; covariance_p positive definite, covariance_q semi-definite.
/// @throws InputError if a shape does not fit, a matrix is not symmetric, or an eigenvalue is out of its range.
GaussianMap gaussian_ot_map(const torch::Tensor& mean_p, const torch::Tensor& covariance_p, const torch::Tensor& mean_q,
                            const torch::Tensor& covariance_q);

}  // namespace monge::eval
