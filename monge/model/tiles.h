// Applies a map to images of any size: padded to what the net takes, in overlapping tiles if they are large.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "monge/model/model.h"

namespace monge::model {

/// Where tiles of one length lie along an axis of an image, and the weights by which they are blended.
///
/// The axis is padded at its end, by reflection, to a multiple of ImageSizes::multiple. Tiles begin at such multiples,
/// so that a net pools the same pixels together in each. Neighbours overlap by about a quarter of the longest tile or
/// the net's reach, whichever is more. There the weight moves from one to the other along a squared sine; the outermost
/// eighth of an overlap, where a net sees the tile's edge best, has the weight 0. At each pixel the weights sum to 1.
struct TileAxis {
  int64_t pixels = 0;                  ///< of the image
  int64_t length = 0;                  ///< of a tile
  std::vector<int64_t> begins = {};    ///< in ascending order, the first is 0
  std::vector<torch::Tensor> weights;  ///< float32 [length] for each tile

  int64_t padded() const { return begins.back() + length; }
};

/// The fewest tiles of at most `most` pixels, all as short as their number allows.
/// @param most  is raised to what the net needs.
TileAxis tile_axis(int64_t pixels, int64_t most, const nn::ImageSizes& sizes);

struct TileOptions {
  /// Longest side of a tile, in pixels, see tile_side(). It bounds the memory that the net takes.
  int64_t side = 0;
  /// Called before each pass through the net with the tiles that are done and their number. If it returns false, the
  /// computation stops.
  std::function<bool(int64_t done, int64_t total)> proceed = {};
};

/// The longest side of a tile: what is wanted, raised to twice the net's reach; 0: the larger of 512 pixels and four
/// times the reach.
int64_t tile_side(const Model& model, int64_t wanted);

/// T of a whole image, tile by tile. One pass through the net takes at most about as many pixels as one tile of the
/// longest sides has, so its memory does not depend on the image; beside it there are input and output.
///
/// A net that uses the whole image (ImageSizes) takes the statistics of its norms from windows of 256 x 256 pixels at
/// up to 16 places of the image, the same for each tile and each tile size. An image that is one tile is computed as
/// Model::outputs does.
/// @param model  at_any_size(). Its net must not be in use elsewhere.
/// @param input  [1, C + noise, H, W], as Model::inputs returns it: the noise is that of the whole image, so that tiles
///               agree on it.
/// @return       [1, C, H, W] float32 on the CPU; undefined if `proceed` stopped it.
/// @throws InputError if the map takes images of one size only.
torch::Tensor outputs_in_tiles(const Model& model, const torch::Tensor& input, const TileOptions& options = {});

}  // namespace monge::model
