#include "monge/data/preparation.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "monge/core/error.h"
#include "monge/data/image_collection.h"

namespace monge::data {
namespace {

constexpr int64_t kMostBefore = 16384;

/// The height and width of an image whose shorter side becomes `resize_to`, unless that is 0.
std::pair<int64_t, int64_t> resized_size(int64_t resize_to, int64_t height, int64_t width) {
  const int64_t shorter = std::min(height, width);
  if (resize_to == 0 || shorter == resize_to) return {height, width};
  const auto scaled = [&](int64_t side) {
    const double exact = static_cast<double>(side) * static_cast<double>(resize_to) / static_cast<double>(shorter);
    return std::max<int64_t>(1, std::llround(exact));
  };
  return {scaled(height), scaled(width)};
}

bool is_too_large(int64_t height, int64_t width) {
  constexpr int64_t kMost = 65536;
  return std::max(height, width) > kMost || height * width > io::kMostPixels;
}

/// See io::DecodeOptions::resized_pixels: of the resize before the crop and of the one after it.
int64_t resized_pixels(const PreparationOptions& options, int64_t height, int64_t width) {
  const auto [to_height, to_width] = resized_size(options.resize_to, height, width);
  const bool resizes = to_height != height || to_width != width;
  if (resizes && is_too_large(to_height, to_width)) return 0;  // it will be refused
  const int64_t before = height * width, between = to_height * to_width, after = options.height * options.width;
  return (resizes ? between : 0) + (after != before ? after : 0);
}

/// The view that draws a vector image of `height` x `width` as the preparation would resize and crop it.
io::VectorView view_of(const PreparationOptions& options, const Crop& crop, double height, double width) {
  if (options.resize_to > 0) {
    const double scale = static_cast<double>(options.resize_to) / std::min(height, width);
    height *= scale;
    width *= scale;
  }
  const auto part = crop.exact_part(height, width);
  const double down = static_cast<double>(options.height) / part.height,
               across = static_cast<double>(options.width) / part.width;
  constexpr double kAlike = 1e-6;
  const bool whole =
      std::abs(part.width - width) <= kAlike * width && std::abs(part.height - height) <= kAlike * height;
  return {.width = width * across,
          .height = height * down,
          .left = part.left * across,
          .top = part.top * down,
          .columns = options.width,
          .rows = options.height,
          .cropped = options.height == options.width && crop.is_centre() && !whole};
}

}  // namespace

const ValueNames<io::Orientation>& exif_names() {
  static const ValueNames<io::Orientation> names{{"apply", io::Orientation::apply},
                                                 {"ignore", io::Orientation::ignore}};
  return names;
}

Preparation::Preparation(const PreparationOptions& options)
    : options_(options),
      crop_(options.crop, double(options.width) / double(std::max<int64_t>(options.height, 1))),
      filter_(io::filter_named(options.filter)),
      background_(io::parse_colour(options.background, "background")) {
  require(options.channels == 1 || options.channels == 3, "channels: must be 1 or 3, got ", options.channels);
  const auto orientation = exif_names().find(options.exif);
  if (!orientation) {
    throw InputError({.what = "unknown use of the EXIF orientation",
                      .where = "exif",
                      .value = '"' + options.exif + '"',
                      .allowed = join(exif_names().names())});
  }
  decoding_.orientation = *orientation;
  decoding_.range = io::parse_range(options.range, "range");
  decoding_.view = [options, crop = crop_](double height, double width) {
    return view_of(options, crop, height, width);
  };
  decoding_.resized_pixels = [options](int64_t height, int64_t width) {
    return data::resized_pixels(options, height, width);
  };
  for (const int64_t side : {options.height, options.width}) {
    require(side >= 1 && side <= options.most_side, "size: a side of the images must be 1 to ", options.most_side,
            " pixels, got ", side);
  }
  require(options.resize_to >= 0 && options.resize_to <= kMostBefore,
          "resize_to: the shorter side before the crop must be 1 to ", kMostBefore,
          " pixels, or 0 to keep the original size, got ", options.resize_to);
}

std::pair<int64_t, int64_t> Preparation::size_before_crop(int64_t height, int64_t width) const {
  const auto [to_height, to_width] = resized_size(options_.resize_to, height, width);
  if (const bool same = to_height == height && to_width == width; !same && is_too_large(to_height, to_width)) {
    throw InputError(text("resize_to = ", options_.resize_to, " resizes an image of ", width, "x", height, " to ",
                          to_width, "x", to_height, " pixels, which is too large; choose a smaller value"));
  }
  return {to_height, to_width};
}

torch::Tensor Preparation::resized_first(const torch::Tensor& image_HWC) const {
  const auto [height, width] = size_before_crop(image_HWC.size(0), image_HWC.size(1));
  if (height == image_HWC.size(0) && width == image_HWC.size(1)) return image_HWC;
  return io::resize_uint8(image_HWC, height, width, filter_);
}

/// The common case without an intermediate tensor: RGB, reduced to its size in one step.
void Preparation::write_rgb(const torch::Tensor& image_HWC, uint8_t* to) const {
  const int64_t width = image_HWC.size(1);
  const auto part = crop_.part(image_HWC.size(0), width);
  const uint8_t* from = image_HWC.const_data_ptr<uint8_t>() + (part.top * width + part.left) * 3;
  thread_local std::vector<uint8_t> lines;
  if (part.width != width) {
    const auto bytes = static_cast<size_t>(part.height * part.width * 3);
    if (lines.size() < bytes) lines = std::vector<uint8_t>(bytes);
    for (int64_t y = 0; y < part.height; ++y)
      std::copy_n(from + y * width * 3, part.width * 3, lines.data() + y * part.width * 3);
    from = lines.data();
  }
  io::resize_rgb(from, part.height, part.width, to, options_.height, options_.width, filter_);
  constexpr size_t kMostKept = 1 << 22;
  if (lines.size() > kMostKept) lines = {};
}

void Preparation::note_crop(const torch::Tensor& image_HWC, io::ImageNotes* notes) const {
  if (notes)
    notes->cropped = options_.height == options_.width && crop_.is_centre() && image_HWC.size(0) != image_HWC.size(1);
}

void Preparation::write(const torch::Tensor& image_HWC, uint8_t* to, io::ImageNotes* notes) const {
  const bool drawn = notes && notes->drawn;
  if (!drawn) note_crop(image_HWC, notes);
  if (image_HWC.size(2) == 3 && options_.resize_to == 0 && options_.channels == 3 && !options_.grey)
    return write_rgb(image_HWC, to);
  const auto part = drawn ? image_HWC : crop_(resized_first(image_HWC));
  if (part.size(2) == 1 && options_.channels == 1) {
    const auto image = io::resize_uint8(part, options_.height, options_.width, filter_);
    std::copy_n(image.const_data_ptr<uint8_t>(), item_bytes(), to);
    return;
  }
  auto image = io::resize_uint8(io::to_rgb(part, background_), options_.height, options_.width, filter_);
  if (options_.channels == 1) {
    const bool colour = io::to_luma(image.const_data_ptr<uint8_t>(), to, options_.height * options_.width);
    if (notes) notes->colour_dropped = colour && !options_.grey;
    return;
  }
  if (options_.grey) image = io::to_grey(image);
  std::copy_n(image.data_ptr<uint8_t>(), item_bytes(), to);
}

namespace {

/// uint16 [H, W, C] to float [H, W, 1 or 3] in 0..255: colours scaled from the range, alpha composited over the
/// background.
torch::Tensor scaled_and_opaque(const torch::Tensor& image_HWC, const io::SampleRange& range,
                                const io::Colour& background) {
  const int64_t channels = image_HWC.size(2), colours = channels < 3 ? 1 : 3;
  const bool alpha = channels % 2 == 0;
  // A grey image may take colour from a coloured background.
  const int64_t wide = alpha ? 3 : colours;
  auto out = torch::empty({image_HWC.size(0), image_HWC.size(1), wide}, torch::kFloat32);
  const uint16_t* from = image_HWC.const_data_ptr<uint16_t>();
  float* to = out.data_ptr<float>();
  const float low = static_cast<float>(range.low), scale = 255.0f / static_cast<float>(range.high - range.low);
  for (int64_t pixel = image_HWC.size(0) * image_HWC.size(1); pixel > 0; --pixel, from += channels, to += wide) {
    const float opacity = alpha ? static_cast<float>(from[channels - 1]) / 65535.0f : 1.0f;
    for (int64_t c = 0; c < wide; ++c) {
      const float value = std::clamp((static_cast<float>(from[colours == 1 ? 0 : c]) - low) * scale, 0.0f, 255.0f);
      to[c] = alpha ? value * opacity + static_cast<float>(background[static_cast<size_t>(c)]) * (1 - opacity) : value;
    }
  }
  return out;
}

torch::Tensor part_of(const torch::Tensor& image_HWC, const Crop::Part& part) {
  const int64_t channels = image_HWC.size(2), width = image_HWC.size(1);
  auto out = torch::empty({part.height, part.width, channels}, torch::kFloat32);
  const float* from = image_HWC.const_data_ptr<float>() + (part.top * width + part.left) * channels;
  for (int64_t y = 0; y < part.height; ++y)
    std::copy_n(from + y * width * channels, part.width * channels, out.data_ptr<float>() + y * part.width * channels);
  return out;
}

}  // namespace

void Preparation::write_floats(const torch::Tensor& image_HWC, float* to, io::ImageNotes* notes) const {
  note_crop(image_HWC, notes);
  auto image = scaled_and_opaque(image_HWC, decoding_.range, background_);
  if (const auto [height, width] = size_before_crop(image.size(0), image.size(1));
      height != image.size(0) || width != image.size(1)) {
    image = io::resize_float(image, height, width, filter_);
  }
  image = part_of(image, crop_.part(image.size(0), image.size(1)));
  if (image.size(0) != options_.height || image.size(1) != options_.width)
    image = io::resize_float(image, options_.height, options_.width, filter_);
  const int64_t wide = image.size(2);
  const float* from = image.const_data_ptr<float>();
  bool colour = false;
  for (int64_t pixel = options_.height * options_.width; pixel > 0; --pixel, from += wide, to += options_.channels) {
    float rgb[3];
    for (int64_t c = 0; c < 3; ++c) rgb[c] = std::clamp(from[wide == 1 ? 0 : c], 0.0f, 255.0f);
    const bool differ = rgb[0] != rgb[1] || rgb[1] != rgb[2];
    colour = colour || differ;
    const float luma = differ ? 0.299f * rgb[0] + 0.587f * rgb[1] + 0.114f * rgb[2] : rgb[0];
    for (int64_t c = 0; c < options_.channels; ++c) to[c] = options_.grey || options_.channels == 1 ? luma : rgb[c];
  }
  if (notes) notes->colour_dropped = colour && options_.channels == 1 && !options_.grey;
}

bool Preparation::keeps(int64_t height, int64_t width) const {
  return height == options_.height && width == options_.width && !options_.grey &&
         (options_.resize_to == 0 || options_.resize_to == std::min(height, width)) && crop_.keeps(height, width);
}

void check_conversion(const ImageCollection& images, int64_t i, bool convert, const io::ImageNotes& notes) {
  if (convert || notes.conversion == io::Conversion::none) return;
  throw InputError(
      text(images.where(i), ": is ", io::conversion_name(notes.conversion), ", and conversion is disabled"));
}

void prepare_image(const ImageCollection& images, int64_t i, std::string_view bytes, bool convert,
                   const Preparation* preparation, uint8_t* to, io::ImageNotes& notes) {
  const auto image = images.decode(i, bytes, preparation ? preparation->decoding() : io::DecodeOptions(), notes);
  check_conversion(images, i, convert, notes);
  if (!preparation) return;
  try {
    preparation->write(image, to, &notes);
  } catch (const InputError& error) {
    throw InputError(text(images.where(i), ": ", error.what()));
  }
}

}  // namespace monge::data
