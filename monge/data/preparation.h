// From a decoded image to the pixels that networks see: one order of steps for training, translating and packing.
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
  int64_t height = 64, width = 64;  ///< of the result, in pixels; [1, 4096]
  int64_t resize_to = 0;  ///< the shorter side is brought to so many pixels before the crop; 0: it stays; up to 16384
  std::string crop = "centre";       ///< which part is used, see Crop: centre, none, WxH, WxH+dx,dy
  std::string filter = "bicubic";    ///< kernel of the antialiased resizes: box, bilinear, bicubic, lanczos
  std::string background = "white";  ///< what shows through transparency: white, black, #rrggbb
  bool grey = false;                 ///< use the luma alone, in all channels
  int64_t channels = 3;              ///< of the result: 3, or 1 for the luma alone
  std::string exif = "apply";        ///< bring images upright by their EXIF orientation; "ignore": take them as stored
  std::string range = "full";  ///< of 16-bit samples, black to white: full (0..65535) or LOW..HIGH, see io::parse_range
};

class ImageCollection;

/// Says how an image is decoded, and brings it to `resize_to`, crops it, lays it over the background, resizes it (as
/// Pillow 13) and drops its colour.
///
/// "centre" keeps the largest part in the middle that has the result's proportions.
class Preparation {
 public:
  /// @throws InputError naming the option.
  explicit Preparation(const PreparationOptions& options);

  /// @param image_HWC  uint8 [H, W, 1..4], contiguous.
  /// @param to         item_bytes() bytes: [height, width, channels].
  /// @param notes      told whether colour or, by the centre crop to a square, a part of the image was left out;
  /// unless null.
  /// @throws InputError when the crop reaches outside the image. Runs in the calling thread alone.
  void write(const torch::Tensor& image_HWC, uint8_t* to, io::ImageNotes* notes = nullptr) const;

  /// The same of a 16-bit image without rounding to 8 bits: floats in 0..255, scaled from `range`.
  /// @param image_HWC  uint16 [H, W, 1..4], contiguous, unscaled. @param to  height * width * channels floats.
  void write_floats(const torch::Tensor& image_HWC, float* to, io::ImageNotes* notes = nullptr) const;

  /// How images are decoded for this.
  const io::DecodeOptions& decoding() const { return decoding_; }

  /// Whether the pixels of an RGB image of the given size come out as they are (their luma, where channels is 1).
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

/// Image i out of its bytes, decoded and prepared, to `to`.
/// @param convert     whether an image that must be converted to 8-bit RGB is taken.
/// @param preparation null: the image is decoded alone, to see whether that can be done.
/// @param notes       what was noticed.
/// @throws InputError naming the image.
void prepare_image(const ImageCollection& images, int64_t i, std::string_view bytes, bool convert,
                   const Preparation* preparation, uint8_t* to, io::ImageNotes& notes);

/// @throws InputError naming the image where `notes` say that it was converted, and it is not to be.
void check_conversion(const ImageCollection& images, int64_t i, bool convert, const io::ImageNotes& notes);

}  // namespace monge::data
