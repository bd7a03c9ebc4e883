#include "monge/io/webp_animation.h"

#include <webp/encode.h>
#include <webp/mux.h>

#include <limits>

#include "monge/core/error.h"
#include "monge/io/codec.h"
#include "monge/io/image.h"

namespace monge::io {
namespace {

/// The pixels of a frame in libwebp's own memory; frees it at its end.
class FramePixels {
 public:
  explicit FramePixels(const torch::Tensor& image_HWC) {
    require(WebPPictureInit(&frame_),
            "the version of libwebp differs from that of its headers; install matching versions");
    frame_.use_argb = 1;
    frame_.width = static_cast<int>(image_HWC.size(1));
    frame_.height = static_cast<int>(image_HWC.size(0));
    const int stride = static_cast<int>(image_HWC.size(1) * image_HWC.size(2));
    const auto* pixels = image_HWC.const_data_ptr<uint8_t>();
    const bool imported = image_HWC.size(2) == 4 ? WebPPictureImportRGBA(&frame_, pixels, stride)
                                                 : WebPPictureImportRGB(&frame_, pixels, stride);
    if (!imported) throw SystemError("libwebp has no memory for a frame of the animation");
  }
  ~FramePixels() { WebPPictureFree(&frame_); }
  FramePixels(const FramePixels&) = delete;
  FramePixels& operator=(const FramePixels&) = delete;

  WebPPicture* get() { return &frame_; }

 private:
  WebPPicture frame_;
};

WebPConfig frame_config(float quality) {
  WebPConfig config;
  require(WebPConfigInit(&config),
          "the version of libwebp differs from that of its headers; install matching versions");
  config.quality = quality;
  config.lossless = quality == 100;
  return config;
}

}  // namespace

struct WebpAnimation::Encoder {
  Encoder(int64_t width, int64_t height) : width(width), height(height) {
    WebPAnimEncoderOptions options;
    require(WebPAnimEncoderOptionsInit(&options),
            "the version of libwebpmux differs from that of its headers; install matching versions");
    options.anim_params.loop_count = 0;  // endless
    made = WebPAnimEncoderNew(static_cast<int>(width), static_cast<int>(height), &options);
    if (!made)
      throw SystemError(text("libwebpmux has no memory for an animation of ", width, " x ", height, " pixels"));
  }
  ~Encoder() { WebPAnimEncoderDelete(made); }
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;

  void check(int succeeded) const {
    if (!succeeded) throw SystemError(text("libwebpmux cannot encode an animation: ", WebPAnimEncoderGetError(made)));
  }

  int64_t width, height;
  int64_t shown_until = 0;  ///< milliseconds from the beginning
  WebPAnimEncoder* made = nullptr;
};

WebpAnimation::WebpAnimation(float quality) : quality_(quality) {
  require(quality >= 0 && quality <= 100, "WebpAnimation: the quality must be 0 to 100, got ", quality);
}

WebpAnimation::~WebpAnimation() = default;

void WebpAnimation::add(const torch::Tensor& image_HWC, int64_t milliseconds) {
  auto image = checked_image(image_HWC, "WebpAnimation");
  const int64_t height = image.size(0), width = image.size(1), channels = image.size(2);
  require(height <= WEBP_MAX_DIMENSION && width <= WEBP_MAX_DIMENSION, "WebpAnimation: WebP sides are at most ",
          WEBP_MAX_DIMENSION, ", got ", width, " x ", height);
  require(milliseconds >= 1, "WebpAnimation: a frame must be shown for 1 millisecond or longer, got ", milliseconds);
  if (channels == 1) image = image.expand({-1, -1, 3}).contiguous();
  if (channels == 2)
    image = torch::cat({image.narrow(2, 0, 1).expand({-1, -1, 3}), image.narrow(2, 1, 1)}, 2).contiguous();
  if (!encoder_) encoder_ = std::make_unique<Encoder>(width, height);
  require(width == encoder_->width && height == encoder_->height, "WebpAnimation: the frames have ", encoder_->width,
          " x ", encoder_->height, " pixels, got ", width, " x ", height);
  require(milliseconds <= std::numeric_limits<int>::max() - encoder_->shown_until,
          "WebpAnimation: the animation is too long");
  const auto config = frame_config(quality_);
  FramePixels pixels(image);
  encoder_->check(WebPAnimEncoderAdd(encoder_->made, pixels.get(), static_cast<int>(encoder_->shown_until), &config));
  encoder_->shown_until += milliseconds;
}

std::string WebpAnimation::finish() {
  require(encoder_ != nullptr, "WebpAnimation: an animation needs a frame");
  // The last call states how long the last frame is shown.
  encoder_->check(WebPAnimEncoderAdd(encoder_->made, nullptr, static_cast<int>(encoder_->shown_until), nullptr));
  WebPData data;
  WebPDataInit(&data);
  const std::unique_ptr<WebPData, decltype(&WebPDataClear)> owner(&data, WebPDataClear);
  encoder_->check(WebPAnimEncoderAssemble(encoder_->made, &data));
  return {reinterpret_cast<const char*>(data.bytes), data.size};
}

}  // namespace monge::io
