// Turns a decoded image into the pixels that networks see, with one order of steps for training, translating and
// packing.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "monge/core/value_names.h"
#include "monge/data/crop.h"
#include "monge/io/image.h"
#include "monge/io/resize.h"

namespace monge::data {

/// The uses of the EXIF orientation: apply, ignore.
const ValueNames<io::Orientation>& exif_names();

struct PreparationOptions {
  int64_t height = 64, width = 64;   ///< of the result, in pixels; [1, most_side]
  int64_t most_side = 4096;          ///< longest side of a result
  int64_t resize_to = 0;             ///< the length of the shorter side before the crop, up to 16384; 0: unchanged
  std::string crop = "centre";       ///< see Crop: centre, none, WxH, WxH+dx,dy
  std::string filter = "bicubic";    ///< kernel of the antialiased resizes: box, bilinear, bicubic, lanczos
  std::string background = "white";  ///< the colour behind transparency: white, black, #rrggbb
  bool grey = false;                 ///< use the luma alone, in all channels
  int64_t channels = 3;              ///< of the result: 3, or 1 for the luma alone
  std::string exif = "apply";        ///< rotate images by their EXIF orientation; "ignore": use them as stored
  std::string range = "full";  ///< of 16-bit samples, black to white: full (0..65535) or LOW..HIGH, see io::parse_range
};

class ImageCollection;

/// Determines how an image is decoded, resizes it to `resize_to`, crops it, composites it over the background, resizes
/// it to the result's size (as Pillow 13) and drops its colour.
///
/// "centre" keeps the largest part in the middle that has the result's proportions. SVG files are drawn by the decoder
/// as the resizes and the crop would leave them, without any resampling.
class Preparation {
 public:
  /// @throws InputError naming the option.
  explicit Preparation(const PreparationOptions& options);

  /// @param image_HWC  uint8 [H, W, 1..4], contiguous.
  /// @param to  item_bytes() bytes: [height, width, channels].
  /// @param notes  if not null, records whether colour or, by the centre crop to a square, a part of the image was left
  ///               out. If notes->drawn, the image is a drawing of the result's size.
  /// @throws InputError when the crop reaches outside the image. Runs in the calling thread alone.
  void write(const torch::Tensor& image_HWC, uint8_t* to, io::ImageNotes* notes = nullptr) const;

  /// The same for a 16-bit image without rounding to 8 bits: floats in 0..255, scaled from `range`.
  /// @param image_HWC  uint16 [H, W, 1..4], contiguous, unscaled.
  /// @param to  height * width * channels floats.
  void write_floats(const torch::Tensor& image_HWC, float* to, io::ImageNotes* notes = nullptr) const;

  /// The options for decoding images for this preparation.
  const io::DecodeOptions& decoding() const { return decoding_; }

  /// Whether the pixels of an RGB image of the given size are unchanged (their luma, if channels is 1).
  bool keeps(int64_t height, int64_t width) const;

  int64_t height() const { return options_.height; }
  int64_t width() const { return options_.width; }
  int64_t channels() const { return options_.channels; }
  int64_t item_bytes() const { return options_.channels * options_.height * options_.width; }
  const PreparationOptions& options() const { return options_; }

 private:
  void write_rgb(const torch::Tensor& image_HWC, uint8_t* to) const;
  std::pair<int64_t, int64_t> size_before_crop(int64_t height, int64_t width) const;
  torch::Tensor resized_first(const torch::Tensor& image_HWC) const;
  void note_crop(const torch::Tensor& image_HWC, io::ImageNotes* notes) const;

  PreparationOptions options_;
  Crop crop_;
  io::Filter filter_;
  io::Colour background_;
  io::DecodeOptions decoding_;
};

/// Decodes image i from its bytes, prepares it and writes it to `to`.
/// @param convert  whether images that must be converted to 8-bit RGB are accepted.
/// @param preparation  null: the image is only decoded, to check that this is possible.
/// @param notes  receives what was noticed.
/// @throws InputError naming the image.
void prepare_image(const ImageCollection& images, int64_t i, std::string_view bytes, bool convert,
                   const Preparation* preparation, uint8_t* to, io::ImageNotes& notes);

/// @throws InputError naming the image if `notes` say that it was converted and `convert` is false.
void check_conversion(const ImageCollection& images, int64_t i, bool convert, const io::ImageNotes& notes);

}  // namespace monge::data
