// libjpeg-turbo alone, as a reference for our decoder.
#pragma once

// clang-format off
#include <cstddef>
#include <cstdio>
#include <jpeglib.h>  // needs FILE and size_t declared before it
// clang-format on

#include <cstdint>
#include <string>
#include <vector>

namespace monge::bench {

/// Decodes as in libjpeg's example: one object, defaults, from memory, one row per call. Its default handler ends the
/// program on an error.
class BareJpeg {
 public:
  BareJpeg() {
    jpeg_.err = jpeg_std_error(&errors_);
    jpeg_create_decompress(&jpeg_);
  }
  ~BareJpeg() { jpeg_destroy_decompress(&jpeg_); }
  BareJpeg(const BareJpeg&) = delete;
  BareJpeg& operator=(const BareJpeg&) = delete;

  void decode(const std::string& bytes) {
    jpeg_mem_src(&jpeg_, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
    jpeg_read_header(&jpeg_, TRUE);
    jpeg_start_decompress(&jpeg_);
    const size_t row = size_t{jpeg_.output_width} * static_cast<size_t>(jpeg_.output_components);
    pixels_.resize(row * jpeg_.output_height);
    while (jpeg_.output_scanline < jpeg_.output_height) {
      auto* to = pixels_.data() + row * jpeg_.output_scanline;
      jpeg_read_scanlines(&jpeg_, &to, 1);
    }
    jpeg_finish_decompress(&jpeg_);
  }

 private:
  jpeg_error_mgr errors_{};
  jpeg_decompress_struct jpeg_{};
  std::vector<uint8_t> pixels_;
};

}  // namespace monge::bench
