// The crop of an image.
#pragma once

#include <torch/types.h>

#include <string>

namespace monge::data {

/// A crop is written in one of these forms:
///
///     centre             the largest part in the middle that has given proportions
///     none               the whole image, which the next resize may distort
///     WxH or WxH+dx,dy   W x H pixels around the middle moved by (dx, dy): "140x140+0,15", "256x256-128,0"
class Crop {
 public:
  /// @param proportion  width / height of the centre crop.
  /// @throws InputError naming `key`, the text and the forms above.
  explicit Crop(const std::string& text, double proportion = 1, const std::string& key = "crop");

  /// Crops `image_HWC`, uint8 [H, W, C] contiguous. Returns the input itself if the crop keeps all of it. If the rest
  /// is odd, the part is half a pixel to the top left.
  /// @throws InputError naming both sizes when the part reaches outside the image.
  torch::Tensor operator()(const torch::Tensor& image_HWC) const;

  struct Part {
    int64_t top, left, height, width;
  };
  /// The part of an image of this size, in pixels. @throws InputError as above.
  Part part(int64_t height, int64_t width) const;

  struct ExactPart {
    double top, left, height, width;
  };
  /// The same of a vector image, without rounding. "WxH" is in CSS pixels of the drawing. @throws InputError as above.
  ExactPart exact_part(double height, double width) const;

  /// Whether the crop keeps an image of this size whole.
  bool keeps(int64_t height, int64_t width) const;

  /// Whether this is the "centre" crop.
  bool is_centre() const { return kind_ == Kind::centre; }

 private:
  struct Size {
    int64_t height, width;
  };
  Size part_of(int64_t height, int64_t width) const;

  enum class Kind { centre, none, fixed };
  Kind kind_ = Kind::centre;
  double proportion_ = 1;
  int64_t width_ = 0, height_ = 0, dx_ = 0, dy_ = 0;
};

}  // namespace monge::data
