// The Frechet distance between two samples of features: FID for features of the FID Inception net.
#pragma once

#include "monge/eval/feature_moments.h"

namespace monge::eval {

/// W2^2 between the Gaussians of these moments,
///
///     |m_a - m_b|^2 + tr(S_a) + tr(S_b) - 2 tr (S_a^1/2 S_b S_a^1/2)^1/2
///
/// Dowson and Landau 1982; Heusel et al. 2017 for FID. It is computed by symmetric eigen-decompositions in float64,
/// which take eigenvalues below 0 as 0, so covariances may be singular (fewer samples than features). Never negative.
/// It is too high by a bias that falls with the number of samples: compare distances of equal counts only.
/// @throws InputError if the moments are of different features.
double frechet_distance(const Moments& a, const Moments& b);

}  // namespace monge::eval
