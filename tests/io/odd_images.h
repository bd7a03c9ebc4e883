// Images of kinds that our encoders do not write, straight from libpng and libjpeg.
#pragma once

// clang-format off
#include <cstdio>
#include <jpeglib.h>  // needs FILE declared before it
// clang-format on
#include <png.h>
#include <torch/types.h>

#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

namespace monge::testing {

/// A PNG straight from libpng, for kinds that encode_png does not write. `setup` sets the header.
inline std::string raw_png(const std::function<void(png_structp, png_infop)>& setup,
                           std::vector<std::vector<uint8_t>> rows) {
  std::string out;
  auto* png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  auto* info = png_create_info_struct(png);
  png_set_write_fn(
      png, &out,
      [](png_structp self, png_bytep bytes, size_t count) {
        static_cast<std::string*>(png_get_io_ptr(self))->append(reinterpret_cast<char*>(bytes), count);
      },
      [](png_structp) {});
  setup(png, info);
  std::vector<png_bytep> pointers;
  for (auto& row : rows) pointers.push_back(row.data());
  png_set_rows(png, info, pointers.data());
  png_write_png(png, info, PNG_TRANSFORM_IDENTITY, nullptr);
  png_destroy_write_struct(&png, &info);
  return out;
}

/// A JPEG straight from libjpeg. `setup` sets the colour space, and may change the defaults, which it sets first.
/// @param values_HWC  uint8, in the order of that space.
inline std::string raw_jpeg(const std::function<void(jpeg_compress_struct&)>& setup, const torch::Tensor& values_HWC) {
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &buffer, &size);
  jpeg.image_height = static_cast<JDIMENSION>(values_HWC.size(0));
  jpeg.image_width = static_cast<JDIMENSION>(values_HWC.size(1));
  jpeg.input_components = static_cast<int>(values_HWC.size(2));
  setup(jpeg);
  jpeg_start_compress(&jpeg, TRUE);
  while (jpeg.next_scanline < jpeg.image_height) {
    auto* row = values_HWC.data_ptr<uint8_t>() + jpeg.next_scanline * jpeg.image_width * values_HWC.size(2);
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  std::string out(reinterpret_cast<char*>(buffer), size);
  jpeg_destroy_compress(&jpeg);
  std::free(buffer);
  return out;
}

/// A JPEG of four inks, [H, W, 4]; Adobe's marker means that the values are stored inverted.
inline std::string cmyk_jpeg(const torch::Tensor& inks_HWC, bool adobe) {
  return raw_jpeg(
      [adobe](jpeg_compress_struct& jpeg) {
        jpeg.in_color_space = JCS_CMYK;
        jpeg_set_defaults(&jpeg);
        jpeg_set_quality(&jpeg, 100, TRUE);
        jpeg.write_Adobe_marker = adobe;
      },
      inks_HWC);
}

/// A progressive JPEG without subsampling, [H, W, 3], whose decoder holds all coefficients.
inline std::string progressive_jpeg(const torch::Tensor& image_HWC) {
  return raw_jpeg(
      [](jpeg_compress_struct& jpeg) {
        jpeg.in_color_space = JCS_RGB;
        jpeg_set_defaults(&jpeg);
        for (int c = 0; c < 3; ++c) jpeg.comp_info[c].h_samp_factor = jpeg.comp_info[c].v_samp_factor = 1;
        jpeg_simple_progression(&jpeg);
      },
      image_HWC);
}

/// A grey PNG of 16 bits, 2 x 1 pixels.
inline std::string deep_png() {
  return raw_png(
      [](png_structp png, png_infop info) { png_set_IHDR(png, info, 2, 1, 16, PNG_COLOR_TYPE_GRAY, 0, 0, 0); },
      {{0x01, 0x80, 0xff, 0xff}});
}

/// A PNG of one pixel with a palette of two colours.
inline std::string palette_png() {
  const png_color colours[] = {{255, 0, 0}, {0, 255, 0}};
  return raw_png(
      [&](png_structp png, png_infop info) {
        png_set_IHDR(png, info, 1, 1, 1, PNG_COLOR_TYPE_PALETTE, PNG_INTERLACE_NONE, 0, 0);
        png_set_PLTE(png, info, colours, 2);
      },
      {{0}});
}

/// A number of `count` bytes.
inline std::string number(uint32_t value, int count, bool big_endian) {
  std::string out;
  for (int i = 0; i < count; ++i) out += static_cast<char>(value >> 8 * (big_endian ? count - 1 - i : i) & 0xff);
  return out;
}

struct ExifEntry {
  uint32_t tag = 0x0112, type = 3, count = 1, value = 1;
};

/// A block of EXIF: the header, a first directory of these entries and a second one, as of a thumbnail, with
/// orientation 3.
inline std::string exif_block(const std::vector<ExifEntry>& entries, bool big_endian, bool prefix = true) {
  const auto n = [big_endian](uint32_t value, int count) { return number(value, count, big_endian); };
  const auto directory = [&](const std::vector<ExifEntry>& list, uint32_t next) {
    std::string out = n(static_cast<uint32_t>(list.size()), 2);
    for (const auto& e : list) {
      const bool two = e.type == 3 || e.type == 8;
      out += n(e.tag, 2) + n(e.type, 2) + n(e.count, 4) + (two ? n(e.value, 2) + n(0, 2) : n(e.value, 4));
    }
    return out + n(next, 4);
  };
  std::string out = (big_endian ? "MM" : "II") + n(42, 2) + n(8, 4);
  out += directory(entries, static_cast<uint32_t>(8 + 2 + 12 * entries.size() + 4)) + directory({{.value = 3}}, 0);
  return (prefix ? std::string("Exif\0\0", 6) : "") + out;
}

inline std::string exif_block(uint32_t orientation, bool big_endian = false, bool prefix = true) {
  // A camera writes its name before the orientation (0x010f) and much after it.
  return exif_block({{.tag = 0x010f, .type = 2, .count = 4, .value = 0x61626300},
                     {.value = orientation},
                     {.tag = 0x0128, .value = 2}},
                    big_endian, prefix);
}

/// The JPEG with an APP1 segment behind its first one (JFIF).
inline std::string jpeg_with_exif(const std::string& jpeg, const std::string& block) {
  const size_t first = 2, length = static_cast<unsigned char>(jpeg[4]) << 8 | static_cast<unsigned char>(jpeg[5]);
  const size_t at = first + 2 + length;
  return jpeg.substr(0, at) + "\xff\xe1" + number(static_cast<uint32_t>(block.size() + 2), 2, true) + block +
         jpeg.substr(at);
}

inline std::string png_chunk(const std::string& name, const std::string& data) {
  uint32_t crc = 0xffffffff;
  for (const char letter : name + data) {
    crc ^= static_cast<unsigned char>(letter);
    for (int bit = 0; bit < 8; ++bit) crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
  }
  return number(static_cast<uint32_t>(data.size()), 4, true) + name + data + number(~crc, 4, true);
}

/// The PNG with an eXIf chunk behind its header, or before its end.
inline std::string png_with_exif(const std::string& png, const std::string& block, bool at_end = false) {
  const size_t at = at_end ? png.size() - 12 : 8 + 25;
  return png.substr(0, at) + png_chunk("eXIf", block) + png.substr(at);
}

/// The WebP of one chunk as an extended one with an EXIF chunk.
inline std::string webp_with_exif(const std::string& webp, const std::string& block, int64_t height, int64_t width) {
  const auto chunk = [](const std::string& name, const std::string& data) {
    return name + number(static_cast<uint32_t>(data.size()), 4, false) + data +
           (data.size() % 2 ? std::string(1, '\0') : "");
  };
  constexpr char kExif = 8;
  const auto head = std::string(1, kExif) + std::string(3, '\0') + number(static_cast<uint32_t>(width - 1), 3, false) +
                    number(static_cast<uint32_t>(height - 1), 3, false);
  const auto body = "WEBP" + chunk("VP8X", head) + webp.substr(12) + chunk("EXIF", block);
  return "RIFF" + number(static_cast<uint32_t>(body.size()), 4, false) + body;
}

/// uint16 [H, W, C] of these values.
inline torch::Tensor deep_image(const torch::Tensor& values) {
  return values.to(torch::kInt).to(torch::kUInt16).contiguous();
}

}  // namespace monge::testing
