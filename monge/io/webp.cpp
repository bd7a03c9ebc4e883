// WebP by libwebp.
#include <webp/decode.h>
#include <webp/encode.h>

#include <memory>

#include "monge/core/error.h"
#include "monge/io/codec.h"
#include "monge/io/image.h"
#include "monge/io/orientation.h"

namespace monge::io {
namespace {

const uint8_t* as_bytes(std::string_view bytes) { return reinterpret_cast<const uint8_t*>(bytes.data()); }

/// The EXIF chunk of an extended file; empty if there is none.
std::string_view webp_exif(std::string_view bytes) {
  constexpr size_t kHeader = 12, kFrame = 8;
  if (bytes.size() < kHeader + kFrame || bytes.substr(kHeader, 4) != "VP8X") return {};  // other files hold only pixels
  for (size_t at = kHeader; bytes.size() - at >= kFrame;) {
    size_t length = 0;
    for (size_t i = 4; i-- > 0;) length = length << 8 | static_cast<unsigned char>(bytes[at + 4 + i]);
    if (length > bytes.size() - at - kFrame) break;
    if (bytes.substr(at, 4) == "EXIF") return bytes.substr(at + kFrame, length);
    at += kFrame + length + length % 2;
    if (at > bytes.size()) break;
  }
  return {};
}

const char* reason_of(VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
      return "the file is truncated";
    case VP8_STATUS_OUT_OF_MEMORY:
      return "out of memory";
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      return "it uses a feature that libwebp does not know";
    default:
      return "the data are damaged";
  }
}

}  // namespace

std::optional<ImageSize> stored_webp_size(std::string_view bytes) {
  int width = 0, height = 0;
  if (!WebPGetInfo(as_bytes(bytes), bytes.size(), &width, &height)) return std::nullopt;
  return ImageSize(width, height);
}

torch::Tensor decode_webp(std::string_view bytes, const std::string& name, const DecodeOptions& options,
                          ImageNotes& notes) {
  WebPDecoderConfig config;
  require(WebPInitDecoderConfig(&config),
          "the version of libwebp differs from that of its headers; install matching versions");
  auto status = WebPGetFeatures(as_bytes(bytes), bytes.size(), &config.input);
  if (status != VP8_STATUS_OK) refuse_image(name, "WebP", reason_of(status));
  if (config.input.has_animation) refuse_image(name, "WebP", "it is an animation, a still image was expected");
  const int64_t width = config.input.width, height = config.input.height, channels = config.input.has_alpha ? 4 : 3;
  check_pixel_count(width, height, options.most_pixels, name);
  // A lossless image is kept as 4 bytes for each pixel beside the result; of a lossy one its transparency is.
  constexpr int64_t kKept = 6, kRows = 256, kFixed = 4 << 20;
  hold_image_memory({width, height}, channels, 1, width * height * kKept + width * kRows + kFixed, options, name);

  auto image = torch::empty({height, width, channels}, torch::kUInt8);
  config.output.colorspace = channels == 4 ? MODE_RGBA : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA = {image.data_ptr<uint8_t>(), static_cast<int>(width * channels),
                          static_cast<size_t>(image.numel())};
  status = WebPDecode(as_bytes(bytes), bytes.size(), &config);
  WebPFreeDecBuffer(&config.output);
  if (status != VP8_STATUS_OK) refuse_image(name, "WebP", reason_of(status));
  notes.orientation = static_cast<uint8_t>(exif_orientation(webp_exif(bytes)));
  return image;
}

std::string encode_webp(const torch::Tensor& image_HWC, float quality) {
  auto image = checked_image(image_HWC, "encode_webp");
  require(quality >= 0 && quality <= 100, "encode_webp: the quality must be 0 to 100, got ", quality);
  if (image.size(2) == 1) image = image.expand({-1, -1, 3}).contiguous();
  if (image.size(2) == 2)
    image = torch::cat({image.narrow(2, 0, 1).expand({-1, -1, 3}), image.narrow(2, 1, 1)}, 2).contiguous();
  const int64_t height = image.size(0), width = image.size(1);
  require(height <= WEBP_MAX_DIMENSION && width <= WEBP_MAX_DIMENSION, "encode_webp: WebP sides are at most ",
          WEBP_MAX_DIMENSION, ", got ", width, " x ", height, "; write a .png");

  const int w = static_cast<int>(width), h = static_cast<int>(height), stride = static_cast<int>(width * image.size(2));
  const uint8_t* pixels = image.data_ptr<uint8_t>();
  const bool alpha = image.size(2) == 4, lossless = quality == 100;
  uint8_t* raw = nullptr;
  const size_t size = alpha ? (lossless ? WebPEncodeLosslessRGBA(pixels, w, h, stride, &raw)
                                        : WebPEncodeRGBA(pixels, w, h, stride, quality, &raw))
                            : (lossless ? WebPEncodeLosslessRGB(pixels, w, h, stride, &raw)
                                        : WebPEncodeRGB(pixels, w, h, stride, quality, &raw));
  const std::unique_ptr<uint8_t, decltype(&WebPFree)> owner(raw, WebPFree);
  require(size > 0, "encode_webp: libwebp could not encode ", width, " x ", height, " pixels");
  return {reinterpret_cast<const char*>(raw), size};
}

}  // namespace monge::io
