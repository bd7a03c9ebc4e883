// PNG by libpng. libpng reports errors by longjmp, so the functions that call setjmp hold no C++ object, and their
// callers own all memory.
#include <png.h>

#include <bit>
#include <cstdio>
#include <cstring>
#include <new>
#include <vector>

#include "monge/core/error.h"
#include "monge/io/codec.h"
#include "monge/io/image.h"
#include "monge/io/orientation.h"

namespace monge::io {
namespace {

struct Reason {
  char text[160] = "unknown";
};

void on_png_error(png_structp png, png_const_charp message) {
  auto* reason = static_cast<Reason*>(png_get_error_ptr(png));
  std::snprintf(reason->text, sizeof reason->text, "%s", message);
  png_longjmp(png, 1);
}

void on_png_warning(png_structp, png_const_charp) {}

constexpr std::string_view kEndChunk("\0\0\0\0IEND\xae\x42\x60\x82", 12);

/// Properties from the chunks of a file, before anything is decoded.
struct Layout {
  std::string_view exif = {};
  bool animated = false;     ///< acTL declares several frames, of which IDAT is the first
  bool without_end = false;  ///< only IEND, or a part of it, is missing
  size_t chunks_end = 0;     ///< end of the last whole chunk
};

/// Steps through the chunks by their lengths. A chunk is: length, name, data, checksum.
Layout layout_of(std::string_view bytes) {
  constexpr size_t kSignature = 8, kFrame = 12;
  const auto number = [](std::string_view at) {
    size_t value = 0;
    for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(at[i]);
    return value;
  };
  Layout out;
  bool pixels = false;
  for (size_t at = kSignature; at < bytes.size();) {
    const auto rest = bytes.substr(at);
    if (rest.size() < kFrame) {
      out.without_end = pixels && kEndChunk.starts_with(rest);
      return out;
    }
    const size_t length = number(rest);
    if (length > rest.size() - kFrame) return out;
    const auto name = rest.substr(4, 4);
    if (name == "IEND") return out;
    if (name == "IDAT") pixels = true;
    if (name == "acTL" && !pixels && length >= 4)
      out.animated = number(rest.substr(8)) > 1;  // after the pixels it has no effect
    if (name == "eXIf" && out.exif.empty()) out.exif = rest.substr(8, length);
    out.chunks_end = at += kFrame + length;
  }
  out.without_end = pixels;
  return out;
}

class PngReader {
 public:
  /// Reads `bytes`, then `tail`.
  PngReader(std::string_view bytes, std::string_view tail) : rest_(bytes), tail_(tail) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reason_, on_png_error, on_png_warning);
    info_ = png_ ? png_create_info_struct(png_) : nullptr;
    if (!info_) throw std::bad_alloc();
    png_set_read_fn(png_, this, &PngReader::give);
    png_set_user_limits(png_, PNG_UINT_31_MAX,
                        PNG_UINT_31_MAX);  // check_pixel_count checks the size, with a message of monge
    skip_unused_chunks();
  }
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  bool read_header() {
    if (setjmp(png_jmpbuf(png_))) return false;
    png_read_info(png_, info_);
    conversion_ = conversion();  // before the transforms below, which change what the header says
    if (std::endian::native == std::endian::little) png_set_swap(png_);  // 16 bits are stored with the high byte first
    png_set_expand(png_);  // palettes, fewer than 8 bits, transparent colours
    png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    return true;
  }

  bool read_rows(png_bytepp rows) {
    if (setjmp(png_jmpbuf(png_))) return false;
    png_read_image(png_, rows);
    png_read_end(png_, nullptr);
    return true;
  }

  int64_t width() const { return png_get_image_width(png_, info_); }
  int64_t height() const { return png_get_image_height(png_, info_); }
  int64_t channels() const { return png_get_channels(png_, info_); }
  int bits() const { return png_get_bit_depth(png_, info_); }
  size_t row_bytes() const { return png_get_rowbytes(png_, info_); }
  Conversion converted() const { return conversion_; }
  const char* reason() const { return reason_.text; }

 private:
  /// Chunks that hold text, profiles, palettes to choose from and the like are skipped. libpng would inflate each of up
  /// to 1,000 of them to as much as 8 MB and keep it.
  void skip_unused_chunks() {
    constexpr png_byte kUnused[] =
        "bKGD\0cHRM\0eXIf\0gAMA\0hIST\0iCCP\0iTXt\0oFFs\0pCAL\0pHYs\0sBIT\0sCAL\0sPLT\0sRGB\0"
        "tEXt\0tIME\0zTXt";
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, kUnused, sizeof kUnused / 5);
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, 0);  // unknown ones, too
  }

  Conversion conversion() const {
    const int bits = png_get_bit_depth(png_, info_);
    if (png_get_color_type(png_, info_) == PNG_COLOR_TYPE_PALETTE) return Conversion::palette;
    return bits == 16 ? Conversion::sixteen_bit : bits < 8 ? Conversion::few_bits : Conversion::none;
  }

  static void give(png_structp png, png_bytep to, size_t count) {
    auto* self = static_cast<PngReader*>(png_get_io_ptr(png));
    if (self->rest_.empty()) std::swap(self->rest_, self->tail_);
    if (count > self->rest_.size()) png_error(png, "the file is truncated");
    std::memcpy(to, self->rest_.data(), count);
    self->rest_.remove_prefix(count);
  }

  std::string_view rest_, tail_;
  Reason reason_;
  Conversion conversion_ = Conversion::none;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
};

class PngWriter {
 public:
  explicit PngWriter(std::string& out) : out_(out) {
    png_ = png_create_write_struct(PNG_LIBPNG_VER_STRING, &reason_, on_png_error, on_png_warning);
    info_ = png_ ? png_create_info_struct(png_) : nullptr;
    if (!info_) throw std::bad_alloc();
    png_set_write_fn(png_, this, &PngWriter::take, [](png_structp) {});
  }
  ~PngWriter() { png_destroy_write_struct(&png_, &info_); }
  PngWriter(const PngWriter&) = delete;
  PngWriter& operator=(const PngWriter&) = delete;

  bool write(int64_t width, int64_t height, int bits, int colour_type, png_bytepp rows) {
    if (setjmp(png_jmpbuf(png_))) return false;
    png_set_IHDR(png_, info_, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height), bits, colour_type,
                 PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png_, info_);
    if (bits == 16 && std::endian::native == std::endian::little) png_set_swap(png_);
    png_write_image(png_, rows);
    png_write_end(png_, nullptr);
    return true;
  }

  const char* reason() const { return reason_.text; }

 private:
  static void take(png_structp png, png_bytep from, size_t count) {
    auto* self = static_cast<PngWriter*>(png_get_io_ptr(png));
    bool kept = true;
    try {
      self->out_.append(reinterpret_cast<const char*>(from), count);
    } catch (const std::bad_alloc&) {
      kept = false;
    }
    if (!kept) png_error(png, "out of memory");
  }

  std::string& out_;
  Reason reason_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
};

std::vector<png_bytep> row_pointers(uint8_t* pixels, int64_t height, int64_t row_bytes) {
  std::vector<png_bytep> rows(static_cast<size_t>(height));
  for (int64_t y = 0; y < height; ++y) rows[static_cast<size_t>(y)] = pixels + y * row_bytes;
  return rows;
}

}  // namespace

std::optional<ImageSize> stored_png_size(std::string_view bytes) {
  constexpr size_t kWidthAt = 16, kHeightAt = 20;  // in IHDR, the first chunk
  if (bytes.size() < kHeightAt + 4) return std::nullopt;
  const auto number = [&](size_t at) {
    int64_t value = 0;
    for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
    return value;
  };
  return ImageSize(number(kWidthAt), number(kHeightAt));
}

torch::Tensor decode_png(std::string_view bytes, const std::string& name, const DecodeOptions& options,
                         ImageNotes& notes) {
  const auto layout = layout_of(bytes);
  PngReader reader(layout.without_end ? bytes.substr(0, layout.chunks_end) : bytes,
                   layout.without_end ? kEndChunk : std::string_view());
  if (!reader.read_header()) refuse_image(name, "PNG", reader.reason());
  notes.conversion = reader.converted();
  const int64_t width = reader.width(), height = reader.height(), channels = reader.channels(),
                bytes_each = reader.bits() / 8;
  check_pixel_count(width, height, options.most_pixels, name);
  if (reader.row_bytes() != static_cast<size_t>(width * channels * bytes_each))
    refuse_image(name, "PNG", "unsupported sample depth");
  // libpng keeps the filtered and the plain row, and a wide one of 8 bytes for each pixel while it expands them.
  constexpr int64_t kRowPixel = 32, kFixed = 1 << 20;
  hold_image_memory({width, height}, channels, bytes_each,
                    width * kRowPixel + height * static_cast<int64_t>(sizeof(png_bytep)) + kFixed, options, name);

  auto image = torch::empty({height, width, channels}, bytes_each == 2 ? torch::kUInt16 : torch::kUInt8);
  auto rows = row_pointers(static_cast<uint8_t*>(image.data_ptr()), height, width * channels * bytes_each);
  if (!reader.read_rows(rows.data())) refuse_image(name, "PNG", reader.reason());
  notes.orientation = static_cast<uint8_t>(exif_orientation(layout.exif));
  notes.more_pages = layout.animated;
  notes.without_end = layout.without_end;
  return image;
}

std::string encode_png(const torch::Tensor& image_HWC) {
  const auto image = checked_image(image_HWC, "encode_png", Depth::eight_or_sixteen);
  const int64_t height = image.size(0), width = image.size(1), channels = image.size(2);
  const auto bytes_each = static_cast<int64_t>(image.element_size());
  constexpr int kColourTypes[] = {PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                                  PNG_COLOR_TYPE_RGB_ALPHA};
  auto rows = row_pointers(static_cast<uint8_t*>(image.data_ptr()), height, width * channels * bytes_each);
  std::string out;
  PngWriter writer(out);
  const bool written =
      writer.write(width, height, static_cast<int>(8 * bytes_each), kColourTypes[channels - 1], rows.data());
  require(written, "encode_png: ", writer.reason());
  return out;
}

}  // namespace monge::io
