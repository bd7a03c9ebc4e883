// Reads files compressed by gzip.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace monge::io {

/// The whole of a .gz file, decompressed. Several members are concatenated, and their checksums are verified. A file
/// that is not compressed is returned as it is.
/// @param most  bytes of the result, so that a small file cannot fill the memory; at most half of decoding_memory().
/// @throws InputError naming the file: missing, cut short, damaged, larger than `most`.
std::string read_gzip(const std::filesystem::path& path, int64_t most = int64_t{64} << 30);

}  // namespace monge::io
