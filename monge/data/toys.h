// Laws known by a formula: endless samples of vectors, to try methods on and to check results against.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "monge/data/source.h"
#include "monge/data/source_kinds.h"

namespace monge::data {

/// A normal law in D dimensions whose moments are known exactly: x = mean + A z, z standard normal.
class GaussianSource : public Source {
 public:
  /// @param mean_D     float64 [D], D >= 1.
  /// @param factor_DD  A, float64 [D, D]; the covariance is A A^T. @throws InputError when the shapes do not fit.
  GaussianSource(std::string name, torch::Tensor mean_D, torch::Tensor factor_DD);

  /// The law with covariance s^2 A A^T, A = I + 0.3 R / sqrt(D), R of independent standard normal entries drawn from
  /// `seed`.
  static GaussianSource random(std::string name, int64_t dim, double mean, double scale, uint64_t seed);

  std::string name() const override { return name_; }
  std::vector<int64_t> item_shape() const override { return {mean_.size(0)}; }
  int64_t size() const override { return 0; }
  torch::Tensor stored_items(const std::vector<int64_t>& indices) const override;
  torch::Tensor draw(int64_t n, torch::Generator generator) const override;

  const torch::Tensor& mean() const { return mean_; }                       ///< float64 [D]
  torch::Tensor covariance() const { return factor_.matmul(factor_.t()); }  ///< float64 [D, D]

 private:
  std::string name_;
  torch::Tensor mean_, factor_, factor_float_;
};

/// Opens "toy:NAME?key=value&...". Parameters, with their defaults:
///
///     gaussian     dim=2 mean=0 std=1 [cov_seed=S]
///                  N(mean 1, std^2 I), or with std^2 times the random covariance of cov_seed
///     uniform      dim=2 half=1
///                  the cube [-half, half]^dim
///     mixture8     radius=2 std=0.1
///                  8 equal Gaussians evenly on a circle, the first at (radius, 0)
///     swiss_roll   scale=1 noise=0.05
///                  scale (t cos t, t sin t) / 4.5 pi, t uniform in [1.5 pi, 4.5 pi], plus noise
///     moons        noise=0.05
///                  half circles (cos t, sin t) and (1 - cos t, 0.5 - sin t), t in [0, pi], plus noise, moved so that
///                  the mean is 0
///     segments     count=2 gap=2 length=2
///                  `count` level segments evenly `gap` apart, centred at 0
///
///     entropic_mixture  dim=2 epsilon=1
///                  the target of a known entropic plan from N(0, I), see EntropicMixture
///
/// All but gaussian, uniform and entropic_mixture live in the plane; they take dim=2 and nothing else. `noise` and
/// `std` are standard deviations. The laws of gaussian are GaussianSource.
///
/// Pairs whose optimal cost is known while P = U([-1, 1]^(dim/2)) x {0} has no density, so that plain training may
/// return maps that miss Q. side=source (the default) is P, side=target is Q. W2^2 is of the squared distance.
///
///     perpendicular        dim=2
///                          Q = {0} x U([-1, 1]^(dim/2)). Every coupling is optimal: W2^2 = dim/3.
///     one_to_many          dim=2
///                          Q = P moved by +1 or -1 along the last coordinate, with equal odds. W2^2 = 1; the plan
///                          splits every point, so that no map is optimal.
///     parallel             dim=2
///                          Q = P moved by 1 along the last coordinate, which is the optimal map. W2^2 = 1.
///     multi_perpendicular  count=2
///                          in the plane: Q on `count` vertical segments {x_k} x [-1, 1] with equal odds, x_k the
///                          centres of `count` equal cells of [-1, 1]. W2^2 = (1 + 1/count^2)/3.
///
/// perpendicular and one_to_many are of Choi, Choi and Kwon 2025; the form of multi_perpendicular is ours. `dim` must
/// be even, and is 2 for multi_perpendicular.
/// @throws InputError for an unknown law or parameter (with the nearest known one) or a value out of range.
std::shared_ptr<const Source> open_toy(const std::string& line);

/// The row of source_kinds.h.
SourceKind toy_kind();

/// The names that open_toy knows, sorted.
std::vector<std::string> toy_names();

}  // namespace monge::data
