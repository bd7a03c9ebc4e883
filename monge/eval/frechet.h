// The Frechet distance between two samples of features: FID where the features are those of the FID Inception net.
#pragma once

#include "monge/eval/feature_moments.h"

namespace monge::eval {

/// W2^2 between the Gaussians of these moments,
///
///     |m_a - m_b|^2 + tr(S_a) + tr(S_b) - 2 tr (S_a^1/2 S_b S_a^1/2)^1/2
///
/// Dowson and Landau 1982; Heusel et al. 2017 for FID. By symmetric eigen-decompositions in float64, with eigenvalues
/// below 0 taken as 0, so that singular covariances (fewer samples than features) need no care; never negative. It is
/// too high by a bias that falls with the number of samples: compare figures of equal counts only.
/// @throws InputError if the moments are of different features.
double frechet_distance(const Moments& a, const Moments& b);

}  // namespace monge::eval
