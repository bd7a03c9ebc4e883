// From a decoded picture to the pixels that networks see: one order of steps for training, translating and packing.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "monge/data/crop.h"
#include "monge/io/image.h"
#include "monge/io/resize.h"

namespace monge::data {

struct PreparationOptions {
  int64_t height = 64, width = 64;   ///< of the result, in pixels; [1, 4096]
  int64_t resize_to = 0;             ///< the shorter side is brought to so many pixels before the crop; 0: it stays; up to 16384
  std::string crop = "centre";       ///< which part is used, see Crop: centre, none, WxH, WxH+dx,dy
  std::string filter = "bicubic";    ///< kernel of the antialiased resizes: box, bilinear, bicubic, lanczos
  std::string background = "white";  ///< what shows through transparency: white, black, #rrggbb
  bool grey = false;                 ///< use the luma alone, in all three channels
};

class Pictures;

/// Brings a picture to `resize_to`, crops it, lays it over the background, resizes it (as Pillow 13) and drops its colour.
///
/// "centre" keeps the largest part in the middle that has the result's proportions.
class Preparation {
 public:
  /// @throws Error naming the option.
  explicit Preparation(const PreparationOptions& options);

  /// @param image_HWC  uint8 [H, W, 1..4], contiguous.
  /// @param to         item_bytes() bytes: RGB, [height, width, 3].
  /// @throws Error when the crop reaches outside the picture. Runs in the calling thread alone.
  void write(const torch::Tensor& image_HWC, uint8_t* to) const;

  /// Whether an RGB picture of the given size comes out as it is.
  bool keeps(int64_t height, int64_t width) const;

  int64_t height() const { return options_.height; }
  int64_t width() const { return options_.width; }
  int64_t item_bytes() const { return 3 * options_.height * options_.width; }
  const PreparationOptions& options() const { return options_; }

 private:
  void write_rgb(const torch::Tensor& image_HWC, uint8_t* to) const;
  torch::Tensor resized_first(const torch::Tensor& image_HWC) const;

  PreparationOptions options_;
  Crop crop_;
  io::Filter filter_;
  io::Colour background_;
};

/// Picture i out of its bytes, decoded and prepared, to `to`.
/// @param convert     whether a picture that must be converted to 8-bit RGB is taken; what was converted is told in `conversion`.
/// @param preparation null: the picture is decoded alone, to see whether that can be done.
/// @throws Error naming the picture.
void prepare_picture(const Pictures& pictures, int64_t i, std::string_view bytes, bool convert, const Preparation* preparation, uint8_t* to,
                     io::Conversion& conversion);

}  // namespace monge::data
