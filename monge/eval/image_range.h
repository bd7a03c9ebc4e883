// Batches of images whose range is part of their type: an image in [0,1] taken for one in [-1,1] gives a figure that
// looks right and is wrong.
#pragma once

#include <torch/types.h>

#include <cstdint>

namespace monge::eval {

/// Images float32 [N, 3, H, W], RGB, N, H, W >= 1, finite and in [-1, 1]. A plain value: copies share the tensor,
/// which nobody may write into afterwards. Each factory says which range its argument has and keeps the argument's
/// device.
class SignedImages {
 public:
  /// v / 127.5 - 1, in float32.
  /// @param pixels  uint8 [N, H, W, 3] or [N, 3, H, W]; where both fit (3 x 3 in these places) it is refused.
  /// @throws InputError for another type or shape.
  static SignedImages from_bytes(const torch::Tensor& pixels);

  /// Whether a batch that looks as if it were in [0, 1] is refused.
  enum class Doubt {
    refuse,
    accept,  ///< for a caller who knows that his images are that bright
  };

  /// The values as they are; those beyond the range by at most 1e-4 are rounding and are clamped.
  ///
  /// A batch in [0, 1] would pass for bright images, so it is refused on the evidence of io::looks_like_unit_range.
  /// @param images  any floating type, [N, 3, H, W].
  /// @throws InputError for another type or shape, values that are not finite or beyond the range, and in doubt; the
  ///         message names the factory that fits.
  static SignedImages from_signed(const torch::Tensor& images, Doubt doubt = Doubt::refuse);

  /// 2 u - 1. @param images  any floating type, [N, 3, H, W], in [0, 1] with the same tolerance.
  /// @throws InputError as from_signed; negative values make it name from_signed.
  static SignedImages from_unit(const torch::Tensor& images);

  /// [N, 3, H, W] in [-1, 1].
  const torch::Tensor& in_signed() const { return images_; }
  /// [N, 3, H, W] in [0, 1].
  torch::Tensor in_unit() const;
  /// [N, 3, H, W] float32 in [0, 255], not rounded; within 1e-5 of the bytes it was made from.
  torch::Tensor in_255() const;

  int64_t count() const { return images_.size(0); }
  int64_t height() const { return images_.size(2); }
  int64_t width() const { return images_.size(3); }

  /// The images [begin, end), 0 <= begin < end <= count(), without a copy.
  SignedImages slice(int64_t begin, int64_t end) const;

 private:
  explicit SignedImages(torch::Tensor images) : images_(std::move(images)) {}

  torch::Tensor images_;
};

/// @throws InputError starting with `what` unless both hold equally many images of one size.
void check_pairs(const char* what, const SignedImages& a, const SignedImages& b);

}  // namespace monge::eval
