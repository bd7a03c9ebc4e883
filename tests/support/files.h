// Files that tests write.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

namespace monge::testing {

/// Writes a file, and the folders that lead to it.
inline void write_file(const std::filesystem::path& path, const std::string& bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

/// Bytes that do not compress.
inline std::string noise_bytes(size_t count, unsigned seed) {
  std::string out(count, '\0');
  for (char& c : out) c = static_cast<char>((seed = seed * 1664525u + 1013904223u) >> 24);
  return out;
}

}  // namespace monge::testing
