// Images as files and as tensors: reads and writes PNG, JPEG, WebP and TIFF, reads SVG, and converts between pixels and
// the floats that networks take.
#pragma once

#include <torch/types.h>

#include <array>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monge/core/files.h"
#include "monge/core/image_size.h"
#include "monge/io/image_notes.h"
#include "monge/io/sample_range.h"

namespace monge::io {

/// The default guard against files that claim absurd sizes: 64 million pixels.
inline constexpr int64_t kMostPixels = int64_t{1} << 26;

/// The extensions of image files that are read, in lower case with the dot. All but the last are also written.
inline constexpr std::array<std::string_view, 9> kImageExtensions = {".png",  ".jpg", ".jpeg", ".jfif", ".jpe",
                                                                     ".webp", ".tif", ".tiff", ".svg"};

/// Whether the path ends in one of kImageExtensions, in either case.
bool has_image_extension(const std::filesystem::path& path);

/// Whether encode_image knows the extension of the path: all of kImageExtensions but ".svg".
bool has_output_extension(const std::filesystem::path& path);

/// All of kImageExtensions for a message: ".png .jpg .jpeg ..." or "*.png, *.jpg, ..., *.tiff or *.svg".
/// @param last  the separator before the last one.
std::string listed_image_extensions(std::string_view prefix, std::string_view separator, std::string_view last);

/// One extension of each format for a message: those that are read, and those that are written.
inline constexpr std::string_view kImageFormats = ".png, .jpg, .webp, .tif or .svg";
inline constexpr std::string_view kOutputFormats = ".png, .jpg, .webp or .tif";

/// How a decoder treats the orientation that a file declares.
enum class Orientation {
  apply,   ///< the result is upright, as Pillow's ImageOps.exif_transpose returns it
  ignore,  ///< the result is as stored
  pillow,  ///< as Pillow's Image.open does: applied to TIFF only
};

/// How a vector image is drawn: scaled as a whole to `width` x `height`, of which the part that begins at (left, top)
/// and has `columns` x `rows` pixels is kept. All in pixels of the result.
struct VectorView {
  double width = 0, height = 0, left = 0, top = 0;
  int64_t columns = 0, rows = 0;
  bool cropped = false;  ///< a centre crop removes a part, see ImageNotes::cropped
};

struct DecodeOptions {
  int64_t most_pixels = kMostPixels;
  Orientation orientation = Orientation::apply;
  SampleRange range = {};          ///< of 16-bit samples, see to_eight_bits
  bool keep_sixteen_bits = false;  ///< 16-bit images are returned as uint16 and unscaled
  /// The view of an SVG file of a stated size, in CSS pixels. Empty: it is drawn at that size.
  std::function<VectorView(double height, double width)> view = {};
  /// The pixels of what the caller makes of an image of this size by resizing it, so that their memory is held with
  /// that of the image. Empty: none.
  std::function<int64_t(int64_t height, int64_t width)> resized_pixels = {};
  /// The ids of the groups of an SVG file that are drawn: <g> elements directly below its root. "line*" means all that
  /// begin with "line". Empty: the whole drawing.
  std::vector<std::string> groups = {};
};

/// Decodes a PNG, JPEG, WebP, TIFF or SVG file; its first bytes decide the format. Thread-safe.
///
/// - 16-bit PNG and TIFF are scaled to 8 bits with one rounding; palettes and transparent colours are expanded.
/// - CMYK and YCCK become RGB (a plain product of the inks, no profile).
/// - Of a TIFF the first page is taken, of an animated PNG the first frame.
/// - A PNG whose image data and checksums are complete and whose last chunk, IEND, is missing is accepted, as in Pillow
///   and browsers.
/// - Colour profiles and gamma are not applied, as in the public training codes.
/// - The orientation is that of a JPEG's APP1 segment, a PNG's eXIf chunk, a WebP's EXIF chunk or a TIFF's tag; a
///   damaged one is ignored. Orientations in XMP are not read.
/// - An SVG is drawn antialiased on a transparent background, as RGBA. Nothing outside the file is read. Its text is
/// set
///   in fonts of the machine. Files with images, with entities that hold markup, without a size, or of more than 64 MiB
///   or 200,000 elements are refused.
///
/// @param bytes  the whole file.
/// @param name   the file's name, for messages.
/// @param notes  receives what was noticed, unless null.
/// @return uint8 [H, W, C] with C = 1 grey, 2 grey + alpha, 3 RGB, 4 RGBA (alpha not premultiplied); uint16 if
///     `options` keep 16 bits.
/// @throws InputError naming the file: empty, another format, damaged, truncated, with samples that are no integers of
///     up to 16 bits, or of more than `most_pixels` pixels; when options.groups names no group of the file, or the
///     file is not SVG. The size is checked before memory is allocated for it.
torch::Tensor decode_image(std::string_view bytes, const std::string& name, const DecodeOptions& options = {},
                           ImageNotes* notes = nullptr);

/// The bits of a sample, 8 or 16, according to the header; 8 if the file cannot be read. Nothing is decoded.
int sample_bits(std::string_view bytes);

/// The size according to the header, without the orientation that the file declares; nothing if the file cannot be
/// read. Nothing is decoded.
std::optional<ImageSize> stored_size(std::string_view bytes);

/// Reads and decodes a file. @throws InputError as decode_image, or when it cannot be read.
torch::Tensor read_image(const std::filesystem::path& path, const DecodeOptions& options = {});

/// Encodes uint8 or uint16 [H, W, C], C = 1..4. @throws InputError on another shape or type.
std::string encode_png(const torch::Tensor& image_HWC);

/// Encodes uint8 [H, W, C], C = 1 or 3. @param quality  in [1, 100].
/// @throws InputError on another shape, type or quality, also for C = 2 or 4: JPEG has no alpha.
std::string encode_jpeg(const torch::Tensor& image_HWC, int quality = 92);

/// Encodes uint8 [H, W, C], C = 1..4 (grey is stored as RGB), with sides up to 16383.
/// @param quality  in [0, 100); 100 is lossless. @throws InputError on another shape, type or quality.
std::string encode_webp(const torch::Tensor& image_HWC, float quality = 90);

/// Encodes uint8 or uint16 [H, W, C], C = 1..4, losslessly with deflate.
/// @throws InputError on another shape or type.
std::string encode_tiff(const torch::Tensor& image_HWC);

/// Whether the format of this extension can hold 16 bits per sample: PNG and TIFF.
bool holds_sixteen_bits(const std::filesystem::path& name);

/// Encodes in the format of the extension of `name`, in either case.
/// @throws InputError naming it when has_output_extension is false, or the format cannot hold the image.
std::string encode_image(const torch::Tensor& image_HWC, const std::filesystem::path& name);

/// Encodes in the format of the extension of `path` and replaces the file in one durable step.
/// @throws InputError for an unknown extension or an image that the format cannot hold; SystemError when writing fails.
void write_image(const std::filesystem::path& path, const torch::Tensor& image_HWC, const Files& files = real_files());

using Colour = std::array<uint8_t, 3>;
inline constexpr Colour kWhite = {255, 255, 255};

/// "white", "black" or "#rrggbb". @param key  the option's name for the message. @throws InputError for anything else.
Colour parse_colour(const std::string& word, const std::string& key);

/// uint8 [H, W, 1..4] -> uint8 [H, W, 3]: alpha is composited over `background` (rounded), grey is repeated.
torch::Tensor to_rgb(const torch::Tensor& image_HWC, const Colour& background = kWhite);

/// uint8 RGB [H, W, 3] -> uint8 [H, W, 3] of its luma (Rec. 601 in 16-bit fixed point, as Pillow's "L"), repeated.
torch::Tensor to_grey(const torch::Tensor& rgb_HWC);

/// uint8 of any shape -> float32 in [-1, 1]: v / 127.5 - 1.
torch::Tensor scale_to_float(const torch::Tensor& pixels);

/// Whether float images [N, C, H, W] that should be in [-1, 1] evidently are in [0, 1]: they have at least 4,096
/// pixels, all values are in [0, 1], the smallest is below 1/8 and the largest above 1/2.
///
/// Images in [0, 1] nearly always pass, because some pixel is nearly black. Images in [-1, 1] pass only if no pixel is
/// below middle grey and yet one comes within 1/8 of it; white pages, flat grey and images with a dark pixel do not. If
/// the images are too few or too pale, the answer is false.
bool looks_like_unit_range(const torch::Tensor& images_NCHW);

/// uint8 [H, W, 3] -> float32 [3, H, W] in [-1, 1].
torch::Tensor to_float(const torch::Tensor& rgb_HWC);

/// The luma of `pixels` RGB pixels as in to_grey, one byte each. @return whether the channels of any pixel differ.
bool to_luma(const uint8_t* rgb, uint8_t* to, int64_t pixels);

/// float [C, H, W], C = 1 or 3 -> uint8 [H, W, C], clamped to [-1, 1] and rounded; NaN becomes black. The exact inverse
/// of to_float.
torch::Tensor from_float(const torch::Tensor& image_CHW);

}  // namespace monge::io
