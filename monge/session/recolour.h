// Colour transfer between photographs: learns the optimal transport map between the colours of their pixels and applies
// it to every pixel.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "monge/session/colour_map.h"
#include "monge/session/compute.h"
#include "monge/session/hooks.h"

namespace monge::session {

struct RecolourOptions {
  double strength = 1;  ///< t in [0, 1]: a colour x becomes (1 - t) x + t T(x)
  bool both = false;    ///< also write the style recoloured by the photo, see reverse_path
  ColourMapOptions map = {};
};

/// One direction: images and where they were written.
struct Recoloured {
  std::string photo, style;  ///< paths
  std::filesystem::path out;
  int64_t images = 0;           ///< images written
  int64_t replaced = 0;         ///< existing files that were replaced
  ColourScore score;            ///< of the map, at full strength
  double training_seconds = 0;  ///< of the plans and the fit
  double seconds = 0;           ///< from the first image read to the last one written
};

struct RecolourResult {
  bool complete = false;         ///< false when the stop flag ended the job
  std::vector<Recoloured> maps;  ///< those that are complete: photo to style, and with `both` style to photo
};

/// Where `both` writes the style recoloured by the photo: "out.png" and a style file give "out-reverse.png", a folder
/// of styles gives the folder "out-reverse". If `out` is a folder, a style file keeps its own extension.
std::filesystem::path reverse_path(const std::filesystem::path& out, const std::string& style);

/// Writes `photo` with the colours of `style` to `out`.
///
/// The map is fitted to exact plans of samples of the pixels; transparent pixels do not count. Of a folder at most 64
/// images are sampled, evenly spaced by name, and all get the same map, so the frames of a film do not flicker. Each
/// image keeps its size and its alpha; it keeps 16 bits where the format of the output has them, and is dithered to 8
/// bits otherwise. Colour profiles are neither applied nor kept.
/// @param photo  an image or a folder of images.
/// @param style  an image, a folder, or an archive of images.
/// @param out    an image if `photo` is one, else a folder; images keep their names in it.
/// @throws InputError before anything is written for paths that do not fit, images that cannot be read (those of a
///         folder are decoded as they come, so those before a broken one have been written), an output that would
///         replace an input, transparency in a format without alpha, or a strength out of its range; DivergedError when
///         weights of the map are not finite; SystemError when writing fails. Every file appears whole or not at all.
RecolourResult recolour(const std::string& photo, const std::string& style, const std::string& out,
                        const RecolourOptions& options = {}, const Compute& compute = {}, const Hooks& hooks = {});

/// The same for images in memory; `both` has no effect.
/// @param photo_HWC, style_HWC  uint8 or uint16, C = 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA.
/// @param score  receives the score, unless null.
/// @return [H, W, 3], or 4 with alpha, of the photo's type; undefined when the stop flag ended the job.
/// @throws InputError for another shape or type, or where every pixel of an image is transparent.
torch::Tensor recolour(const torch::Tensor& photo_HWC, const torch::Tensor& style_HWC,
                       const RecolourOptions& options = {}, const Compute& compute = {}, const Hooks& hooks = {},
                       ColourScore* score = nullptr);

}  // namespace monge::session
