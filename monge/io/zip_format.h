// Constants of the ZIP file format (PKWARE's APPNOTE 6.3.10) that its readers and writers share.
#pragma once

#include <cstdint>

namespace monge::io {

// Signatures of records; all numbers of a ZIP file are little-endian.
inline constexpr uint32_t kLocalSignature = 0x04034b50, kCentralSignature = 0x02014b50, kEndSignature = 0x06054b50,
                          kEnd64Signature = 0x06064b50, kLocator64Signature = 0x07064b50;
// Sizes of records without their names and extra fields, in bytes.
inline constexpr uint64_t kLocalSize = 30, kCentralSize = 46, kEndSize = 22, kEnd64Size = 56, kLocator64Size = 20;
// Extra fields by number, and the flag of a name in UTF-8.
inline constexpr uint16_t kZip64Field = 1, kUnicodePathField = 0x7075, kUtf8Flag = 0x800;

}  // namespace monge::io
