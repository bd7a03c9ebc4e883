// Maps that were trained on small images, applied to large ones: the change of a small copy is enlarged and added.
#pragma once

#include <torch/types.h>

#include "monge/core/image_size.h"

namespace monge::model {

/// A copy of an image at the size of a training.
///
/// The whole image is scaled to fit into that size, its proportions kept, and the rest is filled by repeating its edge
/// pixels. The change T(s) - s of the copy s is enlarged by the fast guided filter (He and Sun 2015, arXiv:1505.00996):
/// around each pixel it is fitted by a linear function of the image's grey, whose coefficients are enlarged and applied
/// to the grey of the large image. So the output has the detail and the edges of the large image and the colours of
/// T(s). It is not T(x): fine structure of T(s) is lost, and colours that no edge of grey separates run into each
/// other.
class SmallCopy {
 public:
  /// @param image_BCHW  float32 in [-1, 1].
  SmallCopy(const torch::Tensor& image_BCHW, ImageSize size);

  /// [B, C, size.height, size.width]
  const torch::Tensor& image() const { return image_; }

  /// @param image_BCHW   the image of the constructor.
  /// @param output_BCHW  T of image().
  /// @return             image_BCHW with the change of its copy, clamped to [-1, 1].
  torch::Tensor add_change(const torch::Tensor& image_BCHW, const torch::Tensor& output_BCHW) const;

 private:
  torch::Tensor image_;
  int64_t top_ = 0, left_ = 0, height_ = 0, width_ = 0;  ///< of the scaled image within the copy
};

}  // namespace monge::model
