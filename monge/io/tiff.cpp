// TIFF by libtiff. Each file has its own error handler, because the library's handlers are global to the process.
#include <tiffio.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <vector>

#include "monge/core/error.h"
#include "monge/io/codec.h"
#include "monge/io/image.h"

namespace monge::io {
namespace {

/// A file in memory: read from a view, or written to a string.
struct Memory {
  std::string_view from = {};
  std::string* to = nullptr;
  uint64_t at = 0;
  char reason[160] = "";  ///< reason of the first error

  uint64_t size() const { return to ? to->size() : from.size(); }
};

Memory& memory_of(thandle_t handle) { return *static_cast<Memory*>(handle); }

tmsize_t read_bytes(thandle_t handle, void* to, tmsize_t count) {
  auto& memory = memory_of(handle);
  const std::string_view all = memory.to ? std::string_view(*memory.to) : memory.from;
  if (count <= 0 || memory.at >= all.size()) return 0;
  const auto given = std::min(static_cast<uint64_t>(count), static_cast<uint64_t>(all.size()) - memory.at);
  std::memcpy(to, all.data() + memory.at, given);
  memory.at += given;
  return static_cast<tmsize_t>(given);
}

tmsize_t write_bytes(thandle_t handle, void* from, tmsize_t count) {
  auto& memory = memory_of(handle);
  if (!memory.to || count <= 0) return 0;
  try {
    const auto end = memory.at + static_cast<uint64_t>(count);
    if (memory.to->size() < end) memory.to->resize(end);
    std::memcpy(memory.to->data() + memory.at, from, static_cast<size_t>(count));
    memory.at = end;
    return count;
  } catch (const std::exception&) {  // out of memory; exceptions must not pass through libtiff, which is C
    return 0;
  }
}

toff_t seek(thandle_t handle, toff_t offset, int whence) {
  auto& memory = memory_of(handle);
  memory.at = offset + (whence == SEEK_CUR ? memory.at : whence == SEEK_END ? memory.size() : 0);
  return memory.at;
}

toff_t size_of(thandle_t handle) { return memory_of(handle).size(); }

int on_tiff_error(TIFF*, void* user, const char*, const char* format, va_list arguments) {
  auto& memory = *static_cast<Memory*>(user);
  if (memory.reason[0] == '\0') std::vsnprintf(memory.reason, sizeof memory.reason, format, arguments);
  return 1;  // suppresses the global handler, which prints
}

int on_tiff_warning(TIFF*, void*, const char*, const char*, va_list) { return 1; }

struct Close {
  void operator()(TIFF* tiff) const { TIFFClose(tiff); }
};
using Handle = std::unique_ptr<TIFF, Close>;

/// @param memory   must outlive the handle.
/// @param most     bytes that the library may allocate in one piece.
/// @return null if it is no TIFF, with the reason in `memory`.
Handle open(Memory& memory, const char* mode, int64_t most) {
  struct Free {
    void operator()(TIFFOpenOptions* options) const { TIFFOpenOptionsFree(options); }
  };
  const std::unique_ptr<TIFFOpenOptions, Free> options(TIFFOpenOptionsAlloc());
  if (!options) throw std::bad_alloc();
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), on_tiff_error, &memory);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), on_tiff_warning, &memory);
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), most);
  const auto close = [](thandle_t) { return 0; };
  const auto map = [](thandle_t, void**, toff_t*) { return 0; };
  const auto unmap = [](thandle_t, void*, toff_t) {};
  return Handle(
      TIFFClientOpenExt("", mode, &memory, read_bytes, write_bytes, seek, close, size_of, map, unmap, options.get()));
}

/// The tags of the first page.
struct Page {
  uint32_t width = 0, height = 0;
  uint16_t bits = 1, samples = 1, photometric = PHOTOMETRIC_MINISBLACK, format = SAMPLEFORMAT_UINT,
           planes = PLANARCONFIG_CONTIG;
  uint16_t compression = COMPRESSION_NONE, orientation = 1;
  std::optional<uint16_t> extra = {};  ///< the kind of the first sample beyond the colours, if declared
};

Page page_of(TIFF* tiff) {
  Page out;
  TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &out.width);
  TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &out.height);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_BITSPERSAMPLE, &out.bits);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLESPERPIXEL, &out.samples);
  TIFFGetField(tiff, TIFFTAG_PHOTOMETRIC, &out.photometric);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_SAMPLEFORMAT, &out.format);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_PLANARCONFIG, &out.planes);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_COMPRESSION, &out.compression);
  TIFFGetFieldDefaulted(tiff, TIFFTAG_ORIENTATION, &out.orientation);
  uint16_t count = 0, *kinds = nullptr;
  if (TIFFGetField(tiff, TIFFTAG_EXTRASAMPLES, &count, &kinds) && count > 0 && kinds) out.extra = kinds[0];
  return out;
}

/// Reads the samples of a page as uint8, or as uint16 for more than 8 bits: [height, width, channels].
class Samples {
 public:
  Samples(TIFF* tiff, const Page& page, int64_t channels)
      : tiff_(tiff),
        page_(page),
        channels_(channels),
        image_(torch::empty({page.height, page.width, channels}, page.bits > 8 ? torch::kUInt16 : torch::kUInt8)) {}

  /// @return false if the library could not read them.
  bool read() { return TIFFIsTiled(tiff_) ? read_tiles() : read_rows(); }

  const torch::Tensor& image() const { return image_; }

 private:
  bool separate() const { return page_.planes == PLANARCONFIG_SEPARATE; }
  int64_t planes() const { return separate() ? channels_ : 1; }  // further planes are not used

  bool read_rows() {
    const auto bytes = TIFFScanlineSize(tiff_);
    if (bytes < row_bytes(page_.width)) return false;
    std::vector<uint8_t> row(static_cast<size_t>(bytes));
    for (int64_t plane = 0; plane < planes(); ++plane) {
      for (uint32_t y = 0; y < page_.height; ++y) {
        if (TIFFReadScanline(tiff_, row.data(), y, static_cast<uint16_t>(plane)) < 0) return false;
        put(row.data(), plane, y, 0, page_.width);
      }
    }
    return true;
  }

  bool read_tiles() {
    uint32_t tile_width = 0, tile_height = 0;
    TIFFGetField(tiff_, TIFFTAG_TILEWIDTH, &tile_width);
    TIFFGetField(tiff_, TIFFTAG_TILELENGTH, &tile_height);
    const auto bytes = TIFFTileSize(tiff_), row_size = TIFFTileRowSize(tiff_);
    if (tile_width == 0 || tile_height == 0 || row_size < row_bytes(tile_width) || bytes / tile_height < row_size)
      return false;
    std::vector<uint8_t> tile(static_cast<size_t>(bytes));
    for (int64_t plane = 0; plane < planes(); ++plane) {
      for (uint64_t top = 0; top < page_.height; top += tile_height) {
        for (uint64_t left = 0; left < page_.width; left += tile_width) {
          const auto x = static_cast<uint32_t>(left), y = static_cast<uint32_t>(top);
          if (TIFFReadTile(tiff_, tile.data(), x, y, 0, static_cast<uint16_t>(plane)) < 0) return false;
          const uint32_t rows = std::min(tile_height, page_.height - y),
                         columns = std::min(tile_width, page_.width - x);
          for (uint32_t k = 0; k < rows; ++k)
            put(tile.data() + static_cast<tmsize_t>(k) * row_size, plane, y + k, x, columns);
        }
      }
    }
    return true;
  }

  /// The bytes of so many pixels in a row of the file.
  tmsize_t row_bytes(uint32_t pixels) const {
    const int64_t per_pixel = separate() ? 1 : page_.samples;
    return static_cast<tmsize_t>((int64_t{pixels} * per_pixel * page_.bits + 7) / 8);
  }

  void put(const uint8_t* row, int64_t plane, uint32_t y, uint32_t x, uint32_t pixels) {
    const int64_t at = (int64_t{y} * page_.width + x) * channels_ + plane, from_each = separate() ? 1 : page_.samples;
    const int64_t count = separate() ? 1 : channels_;
    if (page_.bits == 8) return spread(row, image_.data_ptr<uint8_t>() + at, pixels, from_each, count);
    uint16_t* to = image_.data_ptr<uint16_t>() + at;
    if (page_.bits == 16) return spread(reinterpret_cast<const uint16_t*>(row), to, pixels, from_each, count);
    unpack(row, to, pixels, from_each, count);
  }

  template <class Sample>
  void spread(const Sample* from, Sample* to, uint32_t pixels, int64_t from_each, int64_t count) const {
    for (uint32_t i = 0; i < pixels; ++i, from += from_each, to += channels_) std::copy_n(from, count, to);
  }

  /// Unpacks samples of 9 to 15 bits, stored one after another with the high bit first, and scales them to 16 bits:
  /// white is the largest number of so many bits.
  void unpack(const uint8_t* row, uint16_t* to, uint32_t pixels, int64_t from_each, int64_t count) const {
    const uint32_t largest = (1u << page_.bits) - 1;
    uint64_t bit = 0;
    for (uint32_t i = 0; i < pixels; ++i, to += channels_) {
      for (int64_t c = 0; c < from_each; ++c, bit += page_.bits) {
        if (c >= count) continue;
        uint32_t value = 0;
        for (uint64_t b = bit; b < bit + page_.bits; ++b) value = value << 1 | (row[b / 8] >> (7 - b % 8) & 1u);
        to[c] = static_cast<uint16_t>((value * 65535u + largest / 2) / largest);
      }
    }
  }

  TIFF* tiff_;
  const Page& page_;
  int64_t channels_;
  torch::Tensor image_;
};

/// Inverts colours where 0 is white.
template <class Sample>
void invert(Sample* sample, int64_t pixels, int64_t channels, int64_t colours) {
  for (; pixels > 0; --pixels, sample += channels) {
    for (int64_t c = 0; c < colours; ++c) sample[c] = static_cast<Sample>(~sample[c]);
  }
}

/// Divides colours by the alpha by which they were multiplied.
template <class Sample>
void unpremultiply(Sample* sample, int64_t pixels, int64_t channels) {
  constexpr uint64_t kMost = std::numeric_limits<Sample>::max();
  for (; pixels > 0; --pixels, sample += channels) {
    const uint64_t alpha = sample[channels - 1];
    for (int64_t c = 0; c < channels - 1 && alpha > 0; ++c) {
      sample[c] = static_cast<Sample>(std::min(kMost, (sample[c] * kMost + alpha / 2) / alpha));
    }
  }
}

template <class Function>
void for_samples(torch::Tensor& image, Function function) {
  if (image.scalar_type() == torch::kUInt16) return function(image.data_ptr<uint16_t>());
  function(image.data_ptr<uint8_t>());
}

/// Decodes grey and RGB with or without alpha, of 8 to 16 bits.
/// @return an undefined tensor if the library could not read it.
torch::Tensor read_plain(TIFF* tiff, const Page& page, const std::string& name) {
  const bool grey = page.photometric == PHOTOMETRIC_MINISBLACK || page.photometric == PHOTOMETRIC_MINISWHITE;
  const int64_t colours = grey ? 1 : 3;
  if (page.samples < colours)
    refuse_image(name, "TIFF", text("it has ", page.samples, " samples per pixel for ", colours, " colours"));
  const bool alpha = page.samples > colours && (page.extra ? *page.extra != EXTRASAMPLE_UNSPECIFIED : !grey);
  const bool padded = page.samples > colours + (alpha ? 1 : 0);
  if (padded && grey) {
    refuse_image(name, "TIFF",
                 text("it has ", page.samples,
                      " channels that are not colours; write each to its own file, or all to a .npy array"));
  }
  const int64_t channels = colours + (alpha ? 1 : 0);
  Samples samples(tiff, page, channels);
  if (!samples.read()) return {};
  auto image = samples.image();
  const int64_t pixels = image.size(0) * image.size(1);
  if (page.photometric == PHOTOMETRIC_MINISWHITE)
    for_samples(image, [&](auto* sample) { invert(sample, pixels, channels, colours); });
  if (alpha && page.extra == EXTRASAMPLE_ASSOCALPHA)
    for_samples(image, [&](auto* sample) { unpremultiply(sample, pixels, channels); });
  return image;
}

/// Decodes all other kinds that the library converts to 8-bit RGB: palettes, inks, few bits, L*a*b*.
torch::Tensor read_converted(TIFF* tiff, const Page& page, const std::string& name, const Memory& memory) {
  char reason[1024] = "";
  if (!TIFFRGBAImageOK(tiff, reason)) refuse_image(name, "TIFF", reason);
  TIFFRGBAImage reader;
  if (!TIFFRGBAImageBegin(&reader, tiff, /*stop=*/1, reason))
    refuse_image(name, "TIFF", memory.reason[0] ? memory.reason : reason);
  struct End {
    TIFFRGBAImage* reader;
    ~End() { TIFFRGBAImageEnd(reader); }
  } const end{&reader};
  reader.req_orientation = reader.orientation;  // as stored: decode_image() applies the orientation for all formats
  std::vector<uint32_t> raster(size_t{page.width} * page.height);
  if (!TIFFRGBAImageGet(&reader, raster.data(), page.width, page.height)) return {};
  const bool grey = page.photometric == PHOTOMETRIC_MINISBLACK || page.photometric == PHOTOMETRIC_MINISWHITE;
  const int64_t channels = grey ? 1 : 3;
  auto image = torch::empty({page.height, page.width, channels}, torch::kUInt8);
  uint8_t* to = image.data_ptr<uint8_t>();
  for (const uint32_t pixel : raster) {
    const uint32_t colours[] = {TIFFGetR(pixel), TIFFGetG(pixel), TIFFGetB(pixel)};
    for (int64_t c = 0; c < channels; ++c) *to++ = static_cast<uint8_t>(colours[c]);
  }
  return image;
}

/// Holds what the two functions above take.
/// @param plain  the first one will read the page.
void hold_page_memory(TIFF* tiff, const Page& page, bool plain, size_t file_bytes, const DecodeOptions& options,
                      const std::string& name) {
  // read_plain has one tile or row, and libtiff a compressed piece and its decoder. read_converted has whole strips, or
  // tiles of each colour, and 4 bytes for each pixel.
  constexpr int64_t kPieces = 6, kMostChannels = 4, kRaster = 4, kFixed = 1 << 20;
  const auto most = static_cast<uint64_t>(std::numeric_limits<int64_t>::max() / 16);
  const auto piece = std::min<uint64_t>(most, TIFFIsTiled(tiff) ? TIFFTileSize64(tiff)
                                              : plain           ? TIFFScanlineSize64(tiff)
                                                                : TIFFStripSize64(tiff));
  const ImageSize size(page.width, page.height);
  hold_image_memory(size, kMostChannels, page.bits > 8 ? 2 : 1,
                    static_cast<int64_t>(piece) * kPieces + static_cast<int64_t>(file_bytes) +
                        (plain ? 0 : size.width * size.height * kRaster) + kFixed,
                    options, name);
}

Conversion conversion_of(const Page& page) {
  if (page.photometric == PHOTOMETRIC_PALETTE) return Conversion::palette;
  if (page.photometric == PHOTOMETRIC_SEPARATED) return Conversion::cmyk;
  return page.bits > 8 ? Conversion::sixteen_bit : page.bits < 8 ? Conversion::few_bits : Conversion::none;
}

/// @throws InputError for samples that are no unsigned integers of up to 16 bits.
void check_samples(const Page& page, const std::string& name) {
  const bool unsigned_integers = page.format == SAMPLEFORMAT_UINT || page.format == SAMPLEFORMAT_VOID;
  if (unsigned_integers && page.bits <= 16) return;
  const char* kind = page.format == SAMPLEFORMAT_IEEEFP ? "floating-point numbers"
                     : unsigned_integers                ? "integers"
                                                        : "signed or complex numbers";
  throw InputError(
      {.what = "this TIFF file cannot be used as an image: it does not define which values are black and white",
       .where = name,
       .value = text("samples are ", kind, " of ", page.bits, " bits"),
       .allowed = "unsigned integers of up to 16 bits",
       .fix = "scale them to 16 bits, or write all to a .npy array of floats [N, C, H, W] in [-1, 1]"});
}

}  // namespace

bool is_tiff(std::string_view bytes) {
  using namespace std::string_view_literals;  // magic numbers of classic and of big files
  for (const auto& begin : {"II*\0"sv, "MM\0*"sv, "II+\0"sv, "MM\0+"sv}) {
    if (bytes.starts_with(begin)) return true;
  }
  return false;
}

int tiff_sample_bits(std::string_view bytes) {
  Memory memory{.from = bytes};
  constexpr int64_t kMostForTags = 1 << 24;
  const auto tiff = open(memory, "rm", kMostForTags);
  return tiff && page_of(tiff.get()).bits > 8 ? 16 : 8;
}

std::optional<ImageSize> stored_tiff_size(std::string_view bytes) {
  Memory memory{.from = bytes};
  constexpr int64_t kMostForTags = 1 << 24;
  const auto tiff = open(memory, "rm", kMostForTags);
  if (!tiff) return std::nullopt;
  const auto page = page_of(tiff.get());
  return ImageSize(page.width, page.height);
}

torch::Tensor decode_tiff(std::string_view bytes, const std::string& name, const DecodeOptions& options,
                          ImageNotes& notes) {
  Memory memory{.from = bytes};
  constexpr int64_t kMostPixelBytes = 8, kForTags = 1 << 24;
  const int64_t most_bytes = options.most_pixels * kMostPixelBytes + kForTags;
  const auto tiff = open(memory, "rm", most_bytes);
  if (!tiff) refuse_image(name, "TIFF", memory.reason[0] ? memory.reason : "it has no directory");
  auto page = page_of(tiff.get());
  check_pixel_count(page.width, page.height, options.most_pixels, name);
  check_samples(page, name);
  notes.conversion = conversion_of(page);
  notes.more_pages = !TIFFLastDirectory(tiff.get());
  notes.orientation = static_cast<uint8_t>(page.orientation >= 1 && page.orientation <= 8 ? page.orientation : 1);

  const bool jpeg = page.compression == COMPRESSION_JPEG && page.photometric == PHOTOMETRIC_YCBCR &&
                    page.planes == PLANARCONFIG_CONTIG;
  if (jpeg) {
    TIFFSetField(tiff.get(), TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    page.photometric = PHOTOMETRIC_RGB;
  }
  const auto piece = TIFFIsTiled(tiff.get()) ? TIFFTileSize64(tiff.get()) : TIFFScanlineSize64(tiff.get());
  if (piece == 0 || piece > static_cast<uint64_t>(most_bytes))
    refuse_image(name, "TIFF", text("one of its tiles or rows has ", piece, " bytes"));
  const bool simple = page.photometric == PHOTOMETRIC_MINISBLACK || page.photometric == PHOTOMETRIC_MINISWHITE ||
                      page.photometric == PHOTOMETRIC_RGB;
  hold_page_memory(tiff.get(), page, simple && page.bits >= 8, bytes.size(), options, name);
  const auto image =
      simple && page.bits >= 8 ? read_plain(tiff.get(), page, name) : read_converted(tiff.get(), page, name, memory);
  if (!image.defined()) refuse_image(name, "TIFF", memory.reason[0] ? memory.reason : "the data are damaged");
  return image;
}

std::string encode_tiff(const torch::Tensor& image_HWC) {
  const auto image = checked_image(image_HWC, "encode_tiff", Depth::eight_or_sixteen);
  const int64_t height = image.size(0), width = image.size(1), channels = image.size(2);
  const auto bytes_each = static_cast<int64_t>(image.element_size());
  std::string out;
  Memory memory{.to = &out};
  {
    const auto tiff = open(memory, "wm", image.numel() * bytes_each + (1 << 24));
    require(tiff != nullptr, "encode_tiff: ", memory.reason);
    TIFFSetField(tiff.get(), TIFFTAG_IMAGEWIDTH, static_cast<uint32_t>(width));
    TIFFSetField(tiff.get(), TIFFTAG_IMAGELENGTH, static_cast<uint32_t>(height));
    TIFFSetField(tiff.get(), TIFFTAG_BITSPERSAMPLE, static_cast<uint16_t>(8 * bytes_each));
    TIFFSetField(tiff.get(), TIFFTAG_SAMPLESPERPIXEL, static_cast<uint16_t>(channels));
    TIFFSetField(tiff.get(), TIFFTAG_PHOTOMETRIC, channels < 3 ? PHOTOMETRIC_MINISBLACK : PHOTOMETRIC_RGB);
    TIFFSetField(tiff.get(), TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
    TIFFSetField(tiff.get(), TIFFTAG_COMPRESSION, COMPRESSION_ADOBE_DEFLATE);
    TIFFSetField(tiff.get(), TIFFTAG_PREDICTOR, PREDICTOR_HORIZONTAL);
    const uint16_t alpha[] = {EXTRASAMPLE_UNASSALPHA};
    if (channels % 2 == 0) TIFFSetField(tiff.get(), TIFFTAG_EXTRASAMPLES, 1, alpha);
    TIFFSetField(tiff.get(), TIFFTAG_ROWSPERSTRIP, TIFFDefaultStripSize(tiff.get(), 0));
    // The predictor changes its input buffer, so it gets a copy.
    std::vector<uint8_t> row(static_cast<size_t>(width * channels * bytes_each));
    const auto* from = static_cast<const uint8_t*>(image.const_data_ptr());
    for (int64_t y = 0; y < height; ++y, from += row.size()) {
      std::copy_n(from, row.size(), row.data());
      require(TIFFWriteScanline(tiff.get(), row.data(), static_cast<uint32_t>(y), 0) >= 0,
              "encode_tiff: ", memory.reason);
    }
    require(TIFFFlush(tiff.get()), "encode_tiff: ", memory.reason);
  }
  require(memory.reason[0] == '\0', "encode_tiff: ", memory.reason);
  return out;
}

}  // namespace monge::io
