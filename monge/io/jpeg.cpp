// JPEG by libjpeg(-turbo). As in png.cpp, the functions that call setjmp hold no C++ object.
// libjpeg's headers need FILE and size_t declared before them, and jerror.h needs what jpeglib.h configures.
// clang-format off
#include <cstddef>
#include <cstdio>
#include <jpeglib.h>
#include <jerror.h>
// clang-format on

#include <csetjmp>
#include <cstdlib>
#include <vector>

#include "monge/core/error.h"
#include "monge/io/codec.h"
#include "monge/io/image.h"
#include "monge/io/orientation.h"

namespace monge::io {
namespace {

struct Failure : jpeg_error_mgr {
  std::jmp_buf jump;
  char text[JMSG_LENGTH_MAX] = "unknown";
};

void on_jpeg_error(j_common_ptr jpeg) {
  auto* failure = static_cast<Failure*>(jpeg->err);
  (*failure->format_message)(jpeg, failure->text);
  std::longjmp(failure->jump, 1);
}

/// After damage libjpeg continues with grey blocks and a warning; a training set must not hold such images.
void on_message(j_common_ptr jpeg, int level) {
  if (level >= 0) return;
  switch (jpeg->err->msg_code) {
    case JWRN_JPEG_EOF:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
    case JWRN_MUST_RESYNC:
      on_jpeg_error(jpeg);
      break;
    default:  // odd but harmless headers
      break;
  }
}

void arm(Failure& failure) {
  jpeg_std_error(&failure);
  failure.error_exit = on_jpeg_error;
  failure.emit_message = on_message;
}

/// A progressive file may have any number of scans over the whole image; encoders write about ten.
constexpr int kMostScans = 100;

void on_progress(j_common_ptr jpeg) {
  const auto* decoder = reinterpret_cast<j_decompress_ptr>(jpeg);
  if (decoder->input_scan_number <= kMostScans) return;
  auto* failure = static_cast<Failure*>(jpeg->err);
  std::snprintf(failure->text, sizeof failure->text, "more than %d scans", kMostScans);
  std::longjmp(failure->jump, 1);
}

constexpr int64_t kAtOnce = 4;

class JpegReader {
 public:
  explicit JpegReader(std::string_view bytes) : bytes_(bytes) {
    arm(failure_);
    jpeg_.err = &failure_;
    progress_.progress_monitor = on_progress;
  }
  ~JpegReader() { jpeg_destroy_decompress(&jpeg_); }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  bool read_header() {
    if (setjmp(failure_.jump)) return false;
    jpeg_create_decompress(&jpeg_);
    jpeg_.progress = &progress_;
    jpeg_mem_src(&jpeg_, reinterpret_cast<const unsigned char*>(bytes_.data()), bytes_.size());
    jpeg_read_header(&jpeg_, TRUE);
    const bool inks = jpeg_.jpeg_color_space == JCS_CMYK || jpeg_.jpeg_color_space == JCS_YCCK;
    const bool grey = jpeg_.jpeg_color_space == JCS_GRAYSCALE;
    jpeg_.out_color_space = inks ? JCS_CMYK : grey ? JCS_GRAYSCALE : JCS_RGB;
    return true;
  }

  bool start() {
    if (setjmp(failure_.jump)) return false;
    jpeg_start_decompress(&jpeg_);
    return true;
  }

  bool read_rows(uint8_t* first, int64_t count, int64_t row_bytes) {
    if (setjmp(failure_.jump)) return false;
    for (int64_t y = 0; y < count;) {
      // libjpeg decodes two rows at a time if colours are halved, so reading single rows needs twice the calls.
      JSAMPROW rows[kAtOnce];
      const int64_t wanted = count - y < kAtOnce ? count - y : kAtOnce;
      for (int64_t k = 0; k < wanted; ++k) rows[k] = first + (y + k) * row_bytes;
      const JDIMENSION read = jpeg_read_scanlines(&jpeg_, rows, static_cast<JDIMENSION>(wanted));
      if (read == 0) return false;
      y += read;
    }
    return true;
  }

  bool finish() {
    if (setjmp(failure_.jump)) return false;
    return jpeg_finish_decompress(&jpeg_) == TRUE;
  }

  int64_t width() const { return jpeg_.image_width; }
  int64_t height() const { return jpeg_.image_height; }
  /// The bytes of coefficients that are kept for each pixel: none if the image is decoded row by row.
  int64_t coefficient_bytes() {
    return jpeg_has_multiple_scans(&jpeg_) ? int64_t{jpeg_.num_components} * static_cast<int64_t>(sizeof(JCOEF)) : 0;
  }
  bool inks() const { return jpeg_.out_color_space == JCS_CMYK; }
  bool grey() const { return jpeg_.out_color_space == JCS_GRAYSCALE; }
  bool inverted() const { return jpeg_.saw_Adobe_marker; }
  const char* reason() const { return failure_.text; }

 private:
  std::string_view bytes_;
  Failure failure_{};
  jpeg_progress_mgr progress_{};
  jpeg_decompress_struct jpeg_{};
};

/// The EXIF block of the segments before the first scan; empty if there is none. This function skips segments by their
/// lengths, because libjpeg would copy the block.
std::string_view jpeg_exif(std::string_view bytes) {
  constexpr unsigned char kFill = 0xff, kScan = 0xda, kEnd = 0xd9, kApp1 = 0xe1;
  constexpr std::string_view kExif("Exif\0\0", 6);
  size_t at = 2;
  const auto byte = [bytes](size_t i) { return static_cast<unsigned char>(bytes[i]); };
  while (at + 4 <= bytes.size() && byte(at) == kFill) {
    const unsigned char marker = byte(at + 1);
    if (marker == kFill) {  // any number of fill bytes may precede a marker
      ++at;
      continue;
    }
    if (marker == kScan || marker == kEnd) break;
    const size_t length = size_t{byte(at + 2)} << 8 | byte(at + 3);
    if (length < 2 || length > bytes.size() - at - 2) break;
    const auto segment = bytes.substr(at + 4, length - 2);
    if (marker == kApp1 && segment.starts_with(kExif)) return segment;
    at += 2 + length;
  }
  return {};
}

/// Adobe stores CMYK as 255 - ink, the light that passes. RGB is then the product of a colour's and the key's light.
void inks_to_rgb(const uint8_t* cmyk, uint8_t* rgb, int64_t width, bool inverted) {
  const auto light = [inverted](int value) { return inverted ? value : 255 - value; };
  for (int64_t x = 0; x < width; ++x, cmyk += 4, rgb += 3) {
    for (int c = 0; c < 3; ++c) rgb[c] = static_cast<uint8_t>((light(cmyk[c]) * light(cmyk[3]) + 127) / 255);
  }
}

class JpegWriter {
 public:
  JpegWriter() {
    arm(failure_);
    jpeg_.err = &failure_;
  }
  ~JpegWriter() {
    jpeg_destroy_compress(&jpeg_);
    std::free(buffer_);
  }
  JpegWriter(const JpegWriter&) = delete;
  JpegWriter& operator=(const JpegWriter&) = delete;

  bool write(const uint8_t* pixels, int64_t width, int64_t height, int channels, int quality) {
    if (setjmp(failure_.jump)) return false;
    jpeg_create_compress(&jpeg_);
    jpeg_mem_dest(&jpeg_, &buffer_, &size_);
    jpeg_.image_width = static_cast<JDIMENSION>(width);
    jpeg_.image_height = static_cast<JDIMENSION>(height);
    jpeg_.input_components = channels;
    jpeg_.in_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&jpeg_);
    jpeg_set_quality(&jpeg_, quality, TRUE);
    jpeg_start_compress(&jpeg_, TRUE);
    while (jpeg_.next_scanline < jpeg_.image_height) {
      auto* row = const_cast<uint8_t*>(pixels) + static_cast<int64_t>(jpeg_.next_scanline) * width * channels;
      jpeg_write_scanlines(&jpeg_, &row, 1);
    }
    jpeg_finish_compress(&jpeg_);
    return true;
  }

  std::string bytes() const { return {reinterpret_cast<const char*>(buffer_), size_}; }
  const char* reason() const { return failure_.text; }

 private:
  Failure failure_{};
  jpeg_compress_struct jpeg_{};
  unsigned char* buffer_ = nullptr;
  unsigned long size_ = 0;
};

}  // namespace

std::optional<ImageSize> stored_jpeg_size(std::string_view bytes) {
  JpegReader reader(bytes);
  if (!reader.read_header()) return std::nullopt;
  return ImageSize(reader.width(), reader.height());
}

torch::Tensor decode_jpeg(std::string_view bytes, const std::string& name, const DecodeOptions& options,
                          ImageNotes& notes) {
  JpegReader reader(bytes);
  const auto insist = [&](bool done) {
    if (!done) refuse_image(name, "JPEG", reader.reason());
  };
  insist(reader.read_header());
  if (reader.inks()) notes.conversion = Conversion::cmyk;
  notes.orientation = static_cast<uint8_t>(exif_orientation(jpeg_exif(bytes)));
  const int64_t width = reader.width(), height = reader.height();
  check_pixel_count(width, height, options.most_pixels, name);
  const int64_t channels = reader.grey() ? 1 : 3;
  // Whole blocks of up to 32 x 32 pixels; some rows of them, and all coefficients if the file has several scans.
  constexpr int64_t kBlock = 32, kRows = 16 * kBlock, kFixed = 1 << 20;
  const int64_t wide = width + kBlock, high = height + kBlock;
  hold_image_memory({width, height}, channels, 1, wide * kRows + wide * high * reader.coefficient_bytes() + kFixed,
                    options, name);

  insist(reader.start());
  auto image = torch::empty({height, width, channels}, torch::kUInt8);
  uint8_t* row = image.data_ptr<uint8_t>();
  if (reader.inks()) {
    std::vector<uint8_t> inks(static_cast<size_t>(width) * 4);
    for (int64_t y = 0; y < height; ++y, row += width * channels) {
      insist(reader.read_rows(inks.data(), 1, width * 4));
      inks_to_rgb(inks.data(), row, width, reader.inverted());
    }
  } else {
    insist(reader.read_rows(row, height, width * channels));
  }
  insist(reader.finish());
  return image;
}

std::string encode_jpeg(const torch::Tensor& image_HWC, int quality) {
  const auto image = checked_image(image_HWC, "encode_jpeg");
  const int channels = static_cast<int>(image.size(2));
  require(channels == 1 || channels == 3, "encode_jpeg: JPEG has no transparency, got ", channels,
          " channels; write a .png, or call to_rgb first");
  require(quality >= 1 && quality <= 100, "encode_jpeg: the quality must be 1 to 100, got ", quality);
  JpegWriter writer;
  const bool written = writer.write(image.data_ptr<uint8_t>(), image.size(1), image.size(0), channels, quality);
  require(written, "encode_jpeg: ", writer.reason());
  return writer.bytes();
}

}  // namespace monge::io
