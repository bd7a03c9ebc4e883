// The base of an image: its colours without fine detail of a few levels, such as noise, blocks of JPEG, and the steps
// of 8 bits.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace monge::session {

/// Smooths an image and keeps its edges, by passes over growing distances s = 1, 2, 4, ... (the edge-avoiding a-trous
/// wavelets of Dammertz, Sewtz, Hanika and Lensch 2010), along rows and columns in turn:
///
///     b(p) <- (b(p) + 1/2 w(p - s) b(p - s) + 1/2 w(p + s) b(p + s)) / (1 + 1/2 w(p - s) + 1/2 w(p + s))
///     w(q)  = max(0, 1 - |b(q) - b(p)|^2 / r^2)^2
///
/// The result differs from the image by at most kMostDetail in each channel. So a wide gradient of 8 bits, whose steps
/// are many pixels apart, becomes smooth, and the edge of a leaf stays where it is.
class ColourBase {
 public:
  static constexpr float kMostDetail = 4.0F / 255;  ///< largest difference, of channels in [0, 1]
  static constexpr float kEdge = 8.0F / 255;        ///< r: colours farther apart are not mixed

  /// @param height, width  of the image; the largest distance is about a 64th of the longer side.
  ColourBase(int64_t height, int64_t width);

  /// Rows beside a strip that its base depends on.
  int64_t halo() const { return halo_; }

  /// Replaces the colours of a strip by their base. Rows that are less than halo() from a border of the strip that is
  /// no border of the image get other values than they would in the whole image.
  /// @param planes  [3, rows, width] in [0, 1], row by row.
  void smooth(float* planes, int64_t rows) const;

 private:
  int64_t width_, halo_ = 0;
  std::vector<int64_t> steps_;
};

}  // namespace monge::session
