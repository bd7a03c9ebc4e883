#include "monge/io/gzip_stream.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <limits>

#include "monge/core/error.h"

namespace monge::io {

struct GzipStream::State {
  z_stream zlib{};

  std::string run(std::string_view bytes, int flush) {
    std::string out;
    std::array<char, 1 << 16> block;
    do {
      // zlib counts in 32 bits.
      const auto length = std::min<size_t>(bytes.size(), std::numeric_limits<uInt>::max());
      zlib.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
      zlib.avail_in = static_cast<uInt>(length);
      bytes.remove_prefix(length);
      do {
        zlib.next_out = reinterpret_cast<Bytef*>(block.data());
        zlib.avail_out = static_cast<uInt>(block.size());
        deflate(&zlib, bytes.empty() ? flush : Z_NO_FLUSH);
        out.append(block.data(), block.size() - zlib.avail_out);
      } while (zlib.avail_out == 0);
    } while (!bytes.empty());
    return out;
  }
};

GzipStream::GzipStream() : state_(std::make_unique<State>()) {
  constexpr int kWindow = 15, kGzip = 16, kMemory = 8;
  require(deflateInit2(&state_->zlib, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kWindow + kGzip, kMemory,
                       Z_DEFAULT_STRATEGY) == Z_OK,
          "not enough memory to compress an output");
}

GzipStream::~GzipStream() { deflateEnd(&state_->zlib); }

std::string GzipStream::add(std::string_view bytes) { return state_->run(bytes, Z_NO_FLUSH); }

std::string GzipStream::finish() { return state_->run({}, Z_FINISH); }

}  // namespace monge::io
