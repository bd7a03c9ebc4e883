// Which part of a picture is used.
#pragma once

#include <torch/types.h>

#include <string>

namespace monge::data {

/// "centre": the largest square in the middle. "none": the whole picture, squashed to a square by the resize after it.
/// "WxH" or "WxH+dx,dy": W x H pixels around the middle moved by (dx, dy), for example "140x140+0,15".
class Crop {
 public:
  /// @throws Error naming `key`, the text and the forms above.
  explicit Crop(const std::string& text, const std::string& key = "crop");

  /// The part of `image_HWC`, uint8 [H, W, C] contiguous; the input itself when it is the whole. When the rest is odd
  /// the part lies half a pixel to the top left.
  /// @throws Error naming both sizes when the part reaches outside the picture.
  torch::Tensor operator()(const torch::Tensor& image_HWC) const;

 private:
  enum class Kind { centre, none, fixed };
  Kind kind_ = Kind::centre;
  int64_t width_ = 0, height_ = 0, dx_ = 0, dy_ = 0;
};

}  // namespace monge::data
