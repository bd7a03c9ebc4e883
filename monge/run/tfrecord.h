// TensorFlow's TFRecord format: framing of a record, and how far a file of records is sound.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace monge::run {

/// CRC-32C (Castagnoli, polynomial 0x1EDC6F41 reflected); 0xE3069283 for "123456789".
uint32_t crc32c(std::string_view bytes);

/// One record, all numbers little-endian:
///
///     uint64 length | uint32 masked(crc(length)) | payload | uint32 masked(crc(payload))
///     masked(c) = ((c >> 15) | (c << 17)) + 0xa282ead8
std::string tfrecord(std::string_view payload);

/// The records of a file before its first fault. Readers stop at the fault and ignore what follows.
struct SoundRecords {
  /// The bytes after the sound records.
  enum class Rest {
    none,     ///< nothing: the file is whole
    cut,      ///< a part of a record: its writer was killed, or the disk was full
    zeros,    ///< only zero bytes: the power failed after the file grew and before its bytes were on the disk
    damaged,  ///< a record whose length or payload does not match its checksum, and all that follows
  };

  int64_t count = 0;  ///< sound records
  int64_t bytes = 0;  ///< their size, after which readers find an appended record
  int64_t size = 0;   ///< of the file
  Rest rest = Rest::none;
};

/// Checks all lengths and checksums from the start. Holds one record in memory at a time.
/// @throws InputError naming the file if it cannot be opened; SystemError if reading fails.
SoundRecords sound_records(const std::filesystem::path& path);

}  // namespace monge::run
