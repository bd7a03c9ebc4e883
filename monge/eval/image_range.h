// Batches of images whose range is part of their type. An image in [0,1] that is taken for one in [-1,1] would give a
// metric that looks right and is wrong.
#pragma once

#include <torch/types.h>

#include <cstdint>

namespace monge::eval {

/// Images float32 [N, 3, H, W], RGB, N, H, W >= 1, finite and in [-1, 1]. A plain value: copies share the tensor,
/// which nobody may write into afterwards. The factories are named by the range of their argument and keep its device.
class SignedImages {
 public:
  /// Converts bytes: v / 127.5 - 1, in float32.
  /// @param pixels  uint8 [N, H, W, 3] or [N, 3, H, W]; a shape that fits both is refused.
  /// @throws InputError for another type or shape.
  static SignedImages from_bytes(const torch::Tensor& pixels);

  /// Whether a batch that appears to be in [0, 1] is refused.
  enum class Doubt {
    refuse,
    accept,  ///< for a caller who knows that the images are that bright
  };

  /// Takes values in [-1, 1]. Values beyond by at most 1e-4 count as rounding errors and are clamped.
  ///
  /// A batch in [0, 1] would pass for bright images, so it is refused if io::looks_like_unit_range recognises it.
  /// @param images  any floating type, [N, 3, H, W].
  /// @throws InputError for another type or shape, for values that are not finite or beyond the range, and for doubtful
  ///         batches; the message names the factory that fits.
  static SignedImages from_signed(const torch::Tensor& images, Doubt doubt = Doubt::refuse);

  /// Converts values in [0, 1]: 2 u - 1.
  /// @param images  any floating type, [N, 3, H, W], in [0, 1] with the same tolerance.
  /// @throws InputError as from_signed; negative values make it name from_signed.
  static SignedImages from_unit(const torch::Tensor& images);

  /// [N, 3, H, W] in [-1, 1].
  const torch::Tensor& in_signed() const { return images_; }
  /// [N, 3, H, W] in [0, 1].
  torch::Tensor in_unit() const;
  /// [N, 3, H, W] float32 in [0, 255], not rounded; within 1e-5 of the bytes that it was made from.
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
