// Animated images: writes WebP files of several frames, by libwebpmux.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>

namespace monge::io {

/// Encodes the frames of an animation one after another; it plays in an endless loop. The frames are held encoded, so
/// memory does not grow with their pixels. Equal frames in a row become one frame with their durations added.
class WebpAnimation {
 public:
  /// @param quality  in [0, 100), lossy; 100 is lossless.
  /// @throws InputError for another quality.
  explicit WebpAnimation(float quality = 90);
  ~WebpAnimation();
  WebpAnimation(const WebpAnimation&) = delete;
  WebpAnimation& operator=(const WebpAnimation&) = delete;

  /// Adds a frame, which is shown for so many milliseconds.
  /// @param image_HWC  uint8 [H, W, C], C = 1..4 (grey is stored as RGB), with sides up to 16383; the size of the first
  ///                   frame is that of all.
  /// @throws InputError for another shape, type or size, or a duration that is not positive.
  void add(const torch::Tensor& image_HWC, int64_t milliseconds);

  /// The whole file; frames cannot be added afterwards. @throws InputError if there is no frame.
  std::string finish();

 private:
  struct Encoder;
  float quality_;
  std::unique_ptr<Encoder> encoder_;  ///< made with the first frame
};

}  // namespace monge::io
