// A map of colours as a table, and its application to the pixels of images.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>

namespace monge::session {

/// The values of a map of colours at the nodes of a regular lattice of RGB, and tetrahedral interpolation between them
/// (Kasson, Plouffe and Nin 1993), which is exact for linear maps. Immutable and thread-safe.
class ColourTable {
 public:
  static constexpr int64_t kSide = 129;  ///< nodes per channel: one for every second level of 8 bits

  /// @param map  from [N, 3] to [N, 3] in [-1, 1]; called for a part of the nodes at a time.
  explicit ColourTable(const std::function<torch::Tensor(const torch::Tensor& x_N3)>& map);

  /// Moves every pixel x of an image to x + t (T(b) - b), where b is the base of the image at x, see ColourBase. A map
  /// may be so steep that noise or a step of 8 bits would become visible; fine detail keeps its amplitude instead. The
  /// alpha of an image does not change, and grey becomes RGB.
  ///
  /// Results of 8 bits are dithered: each is rounded up with a frequency equal to its fraction, by a pattern that
  /// depends on the position alone (interleaved gradient noise, Jimenez 2014). So smooth areas have no bands, colours
  /// that the map does not move stay as they are, and equal frames give equal results. The image is divided into strips
  /// of rows, which bounds the memory and leaves no trace in the result.
  /// @param image_HWC     uint8 or uint16, C = 1..4.
  /// @param strength      t in [0, 1].
  /// @param sixteen_bits  whether the result has 16 bits.
  /// @param threads       the largest number of threads.
  /// @return uint16 or uint8 [H, W, 3], or 4 with alpha.
  torch::Tensor apply(const torch::Tensor& image_HWC, double strength, bool sixteen_bits, int64_t threads = 64) const;

 private:
  torch::Tensor nodes_;  ///< float32 [kSide, kSide, kSide, 3] in [0, 1]
};

}  // namespace monge::session
