// Pictures of kinds that our encoders do not write, straight from libpng and libjpeg.
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
inline std::string raw_png(const std::function<void(png_structp, png_infop)>& setup, std::vector<std::vector<uint8_t>> rows) {
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

/// A JPEG of four inks, [H, W, 4]; Adobe's marker means that the values are stored inverted.
inline std::string cmyk_jpeg(const torch::Tensor& inks_HWC, bool adobe) {
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* buffer = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &buffer, &size);
  jpeg.image_height = static_cast<JDIMENSION>(inks_HWC.size(0));
  jpeg.image_width = static_cast<JDIMENSION>(inks_HWC.size(1));
  jpeg.input_components = 4;
  jpeg.in_color_space = JCS_CMYK;
  jpeg_set_defaults(&jpeg);
  jpeg_set_quality(&jpeg, 100, TRUE);
  jpeg.write_Adobe_marker = adobe;
  jpeg_start_compress(&jpeg, TRUE);
  while (jpeg.next_scanline < jpeg.image_height) {
    auto* row = inks_HWC.data_ptr<uint8_t>() + jpeg.next_scanline * jpeg.image_width * 4;
    jpeg_write_scanlines(&jpeg, &row, 1);
  }
  jpeg_finish_compress(&jpeg);
  std::string out(reinterpret_cast<char*>(buffer), size);
  jpeg_destroy_compress(&jpeg);
  std::free(buffer);
  return out;
}

/// A grey PNG of 16 bits, 2 x 1 pixels.
inline std::string deep_png() {
  return raw_png([](png_structp png, png_infop info) { png_set_IHDR(png, info, 2, 1, 16, PNG_COLOR_TYPE_GRAY, 0, 0, 0); },
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

}  // namespace monge::testing
