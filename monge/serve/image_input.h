// An image that a client sends, as the map takes it.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "monge/model/model.h"

namespace monge::serve {

/// Whether the bytes begin as a PNG, JPEG or WebP file. Other formats that the library reads are not accepted from
/// clients: SVG and TIFF have by far the larger decoders.
bool is_image(std::string_view bytes);

struct ImageInput {
  torch::Tensor x;   ///< [1, C, H, W], float32 in [-1, 1]
  std::string size;  ///< TranslateOptions::size for this tensor: "train", "keep", "residual" or "WxH"
};

/// Decodes an image and prepares it as `monge translate IMAGE` does: orientation, background, colour, crop and resize
/// of the model's recipe, at the size that `size` names (see TranslateOptions::size).
/// @param most_pixels  of the file, and of the result.
/// @throws InputError for bytes that are no image or damaged, too many pixels, a size that the map does not take, and
///         a model of vectors.
ImageInput read_image_input(const model::Model& model, std::string_view bytes, const std::string& size,
                            int64_t most_pixels);

}  // namespace monge::serve
