// The samples of vectors that a run shows, in the plane: for a plot that readers can turn on and off in parts.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace monge::run {

/// How vectors are shown in the plane. Of two columns, as they are; of one, with the second coordinate 0; of more, by
/// their first two principal components.
class PlaneView {
 public:
  /// @param samples  [N, D]; their principal components are taken if D > 2.
  /// @param columns  names of the columns; empty if they have none.
  PlaneView(const torch::Tensor& samples, const std::vector<std::string>& columns);

  /// [..., D] to float32 [..., 2].
  torch::Tensor operator()(const torch::Tensor& points) const;

  const std::string& horizontal() const { return names_[0]; }
  const std::string& vertical() const { return names_[1]; }

 private:
  torch::Tensor centre_, directions_;  ///< float64 [D] and [D, 2]; undefined unless D > 2
  std::string names_[2];
};

/// RUN/samples/step_NNNNNN.json, the points of an iteration.
std::filesystem::path scatter_points_path(const std::filesystem::path& run, int64_t iteration);

/// The points as JSON: axes (two names), source [N][2], target [M][2], outputs [K][N][2] (samples per input first).
/// @param source, target, outputs  [N, 2], [M, 2], [N, K, 2].
std::string scatter_points_json(const PlaneView& view, const torch::Tensor& source, const torch::Tensor& target,
                                const torch::Tensor& outputs);

}  // namespace monge::run
