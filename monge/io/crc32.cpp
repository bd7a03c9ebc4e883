#include "monge/io/crc32.h"

#include <zlib.h>

namespace monge::io {

uint32_t crc32_of(std::string_view bytes) {
  return static_cast<uint32_t>(::crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

}  // namespace monge::io
