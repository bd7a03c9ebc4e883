#include "monge/io/image.h"

#include <algorithm>
#include <cctype>
#include <cstdio>

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/core/nearest.h"
#include "monge/io/codec.h"
#include "monge/io/decoding_memory.h"
#include "monge/io/orientation.h"
#include "monge/io/svg_markup.h"

namespace monge::io {
namespace {

/// The first bytes of a file in printable form: "<!DOCTYPE html>", "\x7fELF".
std::string opening(std::string_view bytes) {
  std::string out;
  for (const char letter : bytes.substr(0, 16)) {
    const auto byte = static_cast<unsigned char>(letter);
    char hex[8];
    std::snprintf(hex, sizeof hex, "\\x%02x", byte);
    out += byte >= 32 && byte < 127 ? std::string(1, letter) : std::string(hex);
  }
  return '"' + out + '"';
}

}  // namespace

void check_pixel_count(int64_t width, int64_t height, int64_t most_pixels, const std::string& name) {
  const bool fits = width > 0 && height > 0 && width <= most_pixels / height;
  if (fits) return;
  throw InputError({.what = "the image is too large",
                    .where = name,
                    .value = text(width, " x ", height, " pixels"),
                    .allowed = text("1 to ", most_pixels, " pixels"),
                    .fix = "shrink it or take it out of the set"});
}

int64_t resizing_bytes(const DecodeOptions& options, const ImageSize& size, int64_t sample_bytes) {
  // For each pixel: the image, a part that is cut out, its colours as RGB, and the lines between the passes; of floats
  // three images.
  constexpr int64_t kOfEight = 14, kOfSixteen = 36;
  if (!options.resized_pixels) return 0;
  return options.resized_pixels(size.height, size.width) * (sample_bytes == 1 ? kOfEight : kOfSixteen);
}

void hold_image_memory(const ImageSize& size, int64_t channels, int64_t sample_bytes, int64_t decoder_bytes,
                       const DecodeOptions& options, const std::string& name) {
  // For each pixel, beside the image. 8 bits: a part that is cut out, its colours as RGB, and the lines between the
  // passes of resizing, or a turned copy. 16 bits: two images of three floats, see Preparation::write_floats.
  constexpr int64_t kAfterEight = 10, kAfterSixteen = 24;
  const int64_t after = sample_bytes == 1 ? kAfterEight : kAfterSixteen;
  DecodingMemory::of_thread()->hold_decoded(size.width * size.height * (channels * sample_bytes + after) +
                                                resizing_bytes(options, size, sample_bytes) + decoder_bytes,
                                            name);
}

torch::Tensor checked_image(const torch::Tensor& image_HWC, const char* caller, Depth depth) {
  const bool typed =
      image_HWC.defined() && (image_HWC.scalar_type() == torch::kUInt8 ||
                              (depth == Depth::eight_or_sixteen && image_HWC.scalar_type() == torch::kUInt16));
  const bool good = typed && image_HWC.dim() == 3 && image_HWC.numel() > 0 && image_HWC.size(2) <= 4;
  if (!good) {  // built only on failure: the message takes as long as a small image
    throw InputError(
        text(caller, ": the image must be uint8", depth == Depth::eight ? "" : " or uint16",
             " [H, W, C] with C = 1..4, got ",
             image_HWC.defined() ? text(image_HWC.scalar_type(), " ", image_HWC.sizes()) : "an undefined tensor"));
  }
  return image_HWC.cpu().contiguous();
}

void refuse_image(const std::string& name, const char* format, const std::string& reason) {
  throw InputError({.what = text("this ", format, " file cannot be decoded: ", reason),
                    .where = name,
                    .fix = "replace the file or take it out of the set"});
}

bool has_image_extension(const std::filesystem::path& path) {
  return std::count(kImageExtensions.begin(), kImageExtensions.end(), lower_extension(path)) > 0;
}

bool has_output_extension(const std::filesystem::path& path) {
  return has_image_extension(path) && lower_extension(path) != ".svg";
}

std::string listed_image_extensions(std::string_view prefix, std::string_view separator, std::string_view last) {
  std::string out;
  for (size_t i = 0; i < kImageExtensions.size(); ++i) {
    if (i > 0) out += i + 1 < kImageExtensions.size() ? separator : last;
    out += prefix;
    out += kImageExtensions[i];
  }
  return out;
}

namespace {

bool is_png(std::string_view bytes) { return bytes.starts_with("\x89PNG\r\n\x1a\n"); }
bool is_jpeg(std::string_view bytes) { return bytes.starts_with("\xff\xd8\xff"); }
bool is_webp(std::string_view bytes) {
  return bytes.starts_with("RIFF") && bytes.size() >= 12 && bytes.substr(8, 4) == "WEBP";
}

torch::Tensor decode_as_stored(std::string_view bytes, const std::string& name, const DecodeOptions& options,
                               ImageNotes& notes) {
  if (is_svg(bytes)) return decode_svg(bytes, name, options, notes);
  if (!options.groups.empty())
    throw InputError(name +
                     ": is not an SVG drawing, and ?groups= chooses groups of such drawings; leave the file out");
  if (is_png(bytes)) return decode_png(bytes, name, options, notes);
  if (is_jpeg(bytes)) return decode_jpeg(bytes, name, options, notes);
  if (is_webp(bytes)) return decode_webp(bytes, name, options, notes);
  if (is_tiff(bytes)) return decode_tiff(bytes, name, options, notes);
  throw InputError(text(name, ": is not a PNG, JPEG, WebP, TIFF or SVG image (it begins with ", opening(bytes),
                        "); convert it or take it out of the set"));
}

}  // namespace

torch::Tensor decode_image(std::string_view bytes, const std::string& name, const DecodeOptions& options,
                           ImageNotes* notes) {
  ImageNotes own;
  auto& found = notes ? *notes : own;
  found = {};
  if (bytes.empty()) throw InputError(name + ": the file is empty; replace it or take it out of the set");
  const DecodingMemory memory;  // given back here unless the caller has a scope of its own
  auto image = decode_as_stored(bytes, name, options, found);
  found.grey = image.size(2) <= 2;
  if (image.scalar_type() == torch::kUInt16) {
    const auto [least, largest] = sample_extremes(image);
    found.least = static_cast<uint16_t>(least);
    found.largest = static_cast<uint16_t>(largest);
    if (!options.keep_sixteen_bits) image = to_eight_bits(image, options.range);
  }
  const bool apply =
      options.orientation == Orientation::apply || (options.orientation == Orientation::pillow && is_tiff(bytes));
  if (!apply || found.orientation == 1) return image;
  found.upright = true;
  return upright(image, found.orientation);
}

int sample_bits(std::string_view bytes) {
  constexpr size_t kDepthAt = 24;  // in IHDR, the first chunk
  if (is_png(bytes)) return bytes.size() > kDepthAt && bytes[kDepthAt] == 16 ? 16 : 8;
  return is_tiff(bytes) ? tiff_sample_bits(bytes) : 8;
}

std::optional<ImageSize> stored_size(std::string_view bytes) {
  if (is_png(bytes)) return stored_png_size(bytes);
  if (is_jpeg(bytes)) return stored_jpeg_size(bytes);
  if (is_webp(bytes)) return stored_webp_size(bytes);
  return is_tiff(bytes) ? stored_tiff_size(bytes) : std::nullopt;
}

torch::Tensor read_image(const std::filesystem::path& path, const DecodeOptions& options) {
  return decode_image(real_files().read(path), path.string(), options);
}

bool holds_sixteen_bits(const std::filesystem::path& name) {
  const auto extension = lower_extension(name);
  return extension == ".png" || extension == ".tif" || extension == ".tiff";
}

std::string encode_image(const torch::Tensor& image_HWC, const std::filesystem::path& name) {
  const auto extension = lower_extension(name);
  if (extension == ".png") return encode_png(image_HWC);
  if (extension == ".jpg" || extension == ".jpeg" || extension == ".jfif" || extension == ".jpe")
    return encode_jpeg(image_HWC);
  if (extension == ".webp") return encode_webp(image_HWC);
  if (extension == ".tif" || extension == ".tiff") return encode_tiff(image_HWC);
  throw InputError({.what = "no image format has this extension",
                    .where = name.string(),
                    .value = '"' + extension + '"',
                    .allowed = join(std::vector<std::string>(kImageExtensions.begin(), kImageExtensions.end() - 1)),
                    .fix = "name the file .png"});
}

void write_image(const std::filesystem::path& path, const torch::Tensor& image_HWC, const Files& files) {
  files.replace(path, encode_image(image_HWC, path));
}

Colour parse_colour(const std::string& word, const std::string& key) {
  if (word == "white") return kWhite;
  if (word == "black") return {0, 0, 0};
  const bool hexadecimal =
      word.size() == 7 && word[0] == '#' &&
      std::all_of(word.begin() + 1, word.end(), [](unsigned char digit) { return std::isxdigit(digit); });
  if (!hexadecimal) {
    throw InputError({.what = "not a colour",
                      .where = key,
                      .value = '"' + word + '"',
                      .allowed = "white, black, #rrggbb",
                      .fix = "write for example \"#808080\""});
  }
  const auto channel = [&](size_t at) { return static_cast<uint8_t>(std::stoi(word.substr(at, 2), nullptr, 16)); };
  return {channel(1), channel(3), channel(5)};
}

// Plain loops and no tensor operations: in loader threads LibTorch would start a thread pool for each of them.
torch::Tensor to_rgb(const torch::Tensor& image_HWC, const Colour& background) {
  const auto image = checked_image(image_HWC, "to_rgb");
  const int64_t channels = image.size(2);
  if (channels == 3) return image;
  auto out = torch::empty({image.size(0), image.size(1), 3}, torch::kUInt8);
  const uint8_t* from = image.data_ptr<uint8_t>();
  uint8_t* to = out.data_ptr<uint8_t>();
  const bool has_alpha = channels % 2 == 0;
  const bool is_grey = channels < 3;
  if (channels == 1) {
    for (const auto* end = from + image.numel(); from != end; ++from, to += 3) to[0] = to[1] = to[2] = *from;
    return out;
  }
  for (int64_t pixel = image.size(0) * image.size(1); pixel > 0; --pixel, from += channels, to += 3) {
    const int alpha = has_alpha ? from[channels - 1] : 255;
    for (int c = 0; c < 3; ++c) {
      const int value = from[is_grey ? 0 : c];
      to[c] = static_cast<uint8_t>((value * alpha + background[c] * (255 - alpha) + 127) / 255);
    }
  }
  return out;
}

torch::Tensor to_grey(const torch::Tensor& rgb_HWC) {
  const auto image = checked_image(rgb_HWC, "to_grey");
  require(image.size(2) == 3, "to_grey: the image must be [H, W, 3], got ", image.sizes());
  auto out = torch::empty_like(image);
  const uint8_t* from = image.data_ptr<uint8_t>();
  uint8_t* to = out.data_ptr<uint8_t>();
  for (int64_t pixel = image.size(0) * image.size(1); pixel > 0; --pixel, from += 3, to += 3) {
    // 0.299, 0.587 and 0.114 in units of 2^-16.
    const int luma = (19595 * from[0] + 38470 * from[1] + 7471 * from[2] + 32768) >> 16;
    to[0] = to[1] = to[2] = static_cast<uint8_t>(luma);
  }
  return out;
}

bool to_luma(const uint8_t* rgb, uint8_t* to, int64_t pixels) {
  int differ = 0;
  for (const auto* end = rgb + 3 * pixels; rgb != end; rgb += 3) {
    differ |= (rgb[0] ^ rgb[1]) | (rgb[1] ^ rgb[2]);
    *to++ = static_cast<uint8_t>((19595 * rgb[0] + 38470 * rgb[1] + 7471 * rgb[2] + 32768) >> 16);
  }
  return differ != 0;
}

torch::Tensor scale_to_float(const torch::Tensor& pixels) { return pixels.to(torch::kFloat32).div_(127.5).sub_(1); }

bool looks_like_unit_range(const torch::Tensor& images_NCHW) {
  constexpr int64_t kTellingPixels = 4096;
  constexpr double kNearBlack = 0.125, kBright = 0.5, kTolerance = 1e-4;
  if (images_NCHW.numel() / std::max<int64_t>(images_NCHW.size(1), 1) < kTellingPixels) return false;
  const auto [least, most] = torch::aminmax(images_NCHW.detach());
  const double low = least.item<double>(), high = most.item<double>();
  return low >= 0 && low < kNearBlack && high > kBright && high <= 1 + kTolerance;
}

torch::Tensor to_float(const torch::Tensor& rgb_HWC) {
  const auto image = checked_image(rgb_HWC, "to_float");
  require(image.size(2) == 3, "to_float: the image must be [H, W, 3], got ", image.sizes(), "; call to_rgb first");
  return scale_to_float(image.permute({2, 0, 1}).contiguous());
}

torch::Tensor from_float(const torch::Tensor& image_CHW) {
  require(image_CHW.dim() == 3 && (image_CHW.size(0) == 1 || image_CHW.size(0) == 3) && image_CHW.is_floating_point(),
          "from_float: the image must be floats [1 or 3, H, W], got ", image_CHW.scalar_type(), " ", image_CHW.sizes());
  // In place after the first step, because large images would take their memory several times over.
  const auto scaled = image_CHW.detach().cpu().to(torch::kFloat32).add(1).mul_(127.5);
  return scaled.nan_to_num_(0).clamp_(0, 255).round_().to(torch::kUInt8).permute({1, 2, 0}).contiguous();
}

}  // namespace monge::io
