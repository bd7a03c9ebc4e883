// Maps that were trained on small images, applied to large ones: the change of a small copy is enlarged and added.
#pragma once

#include <torch/types.h>

#include "monge/core/image_size.h"

namespace monge::model {

/// A copy of an image at the size of a training.
///
/// The whole image is scaled to fit into that size, its proportions kept, and the rest is filled by repeating its edge
/// pixels. The output for the image x with the copy s is x + enlarged(T(s) - s), so its detail is that of x and its
/// colours are those of T(s). It is T(x) for an image of the size of the training, and not otherwise: fine structure of
/// T(s) is lost, and colours may pass over edges by a pixel of the copy.
class SmallCopy {
 public:
  /// @param image_BCHW  float32 in [-1, 1].
  SmallCopy(const torch::Tensor& image_BCHW, ImageSize size);

  /// [B, C, size.height, size.width]
  const torch::Tensor& image() const { return image_; }

  /// @param image_BCHW   the image of the constructor.
  /// @param output_BCHW  T of image().
  /// @return             x + enlarged(output - image()), clamped to [-1, 1].
  torch::Tensor add_change(const torch::Tensor& image_BCHW, const torch::Tensor& output_BCHW) const;

 private:
  torch::Tensor image_;
  int64_t top_ = 0, left_ = 0, height_ = 0, width_ = 0;  ///< of the scaled image within the copy
};

}  // namespace monge::model
