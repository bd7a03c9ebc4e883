// The steps of a Winograd convolution on one thread: the transforms of images, weights and gradients, and the products.
#pragma once

#include <cstdint>

namespace monge::nn::winograd {

/// The largest number of channels of an image.
constexpr int64_t kMostChannels = 4096;

/// Images [batch, height, width, channels] divided into tiles of m x m outputs, m = 2 or 4. Tile t has row
/// t / columns % rows and column t % columns in image t / (rows * columns). Tiles at the lower and right edge may
/// extend beyond the image.
struct Tiling {
  Tiling(int m, int64_t batch, int64_t height, int64_t width)
      : m(m),
        height(height),
        width(width),
        rows((height + m - 1) / m),
        columns((width + m - 1) / m),
        tiles(batch * rows * columns) {}

  int points() const { return (m + 2) * (m + 2); }  ///< the number of products of a tile

  int m;
  int64_t height, width, rows, columns, tiles;
};

/// Transformed tiles: entry (point, tile, channel) at data[point * plane + tile * row + channel].
struct Planes {
  float* data;
  int64_t row, plane;
};

/// v = B^T d B for the tiles [first, first + count) of x, with zeros around the images. The rows of v start at 0; its
/// channels are padded with zeros to a multiple of the vectors' lanes (at most 16).
void transform_input(const float* x, int64_t channels, const Tiling& tiling, int64_t first, int64_t count, Planes v);

/// v = A dy A^T likewise, and sums[channel] += the sum of dy over these tiles.
void transform_gradient(const float* dy, int64_t channels, const Tiling& tiling, int64_t first, int64_t count, Planes v,
                        float* sums);

/// y[.., channel + c] = A^T p A + bias[channel + c] for tiles [first, first + count), c < width <= 32.
/// @param bias  [channels], or null for none.
void transform_output(Planes p, const float* bias, float* y, int64_t channels, int64_t channel, int64_t width,
                      const Tiling& tiling, int64_t first, int64_t count);

/// A part of a convolution's weights: input channels [first, first + count), output channels [channel, channel + 32).
struct WeightPart {
  int64_t in, out;  ///< channels of the whole convolution
  int64_t first, count, channel;
};

/// G g G^T as one packed panel (gemm::pack) [count, 32] per point; columns beyond `out` are zero.
/// @param w        [out, 3, 3, in]; if `transposed`, [in, 3, 3, out], rotated by 180 degrees: the adjoint convolution.
/// @param panels   [points, count, 32].
void transform_weight(int m, const float* w, bool transposed, const WeightPart& part, float* panels);

/// dw[row, 3, 3, in] = G^T u G for `count` rows, where u is the sum of `parts` planes.
/// @param stride  the distance between two parts, in floats.
void transform_weight_gradient(int m, Planes u, int64_t parts, int64_t stride, int64_t in, int64_t count, float* dw);

/// p[point] [count, width] = v[point] [count, in] panels[point], or += that, for all points.
void multiply_points(int points, Planes v, int64_t count, int64_t in, const float* panels, int64_t width, Planes p,
                     bool accumulate);

}  // namespace monge::nn::winograd
