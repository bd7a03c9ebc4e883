// The checksum of zip and gzip.
#pragma once

#include <cstdint>
#include <string_view>

namespace monge::io {

/// CRC-32 as in zip (APPNOTE.TXT 4.4.7) and gzip (RFC 1952).
uint32_t crc32_of(std::string_view bytes);

}  // namespace monge::io
