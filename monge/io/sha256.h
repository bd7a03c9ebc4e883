// SHA-256, to verify files that are published with their hash.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace monge::io {

/// SHA-256 (FIPS 180-4) of bytes that arrive in pieces. Not thread-safe.
///
///     Sha256 hash;
///     hash.update("ab");
///     hash.update("c");
///     hash.digest();  // "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void update(std::string_view bytes);

  /// The hash of all bytes since construction or the last call, as 64 lower-case hexadecimal digits. The call resets
  /// the object.
  std::string digest();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

/// Whether a text is a digest as these functions return it.
bool is_sha256(std::string_view text);

/// The SHA-256 of bytes in memory.
std::string sha256(std::string_view bytes);

/// The SHA-256 of a whole file, read in blocks.
/// @param progress  called with (bytes read, size of the file), at most once per MiB.
/// @throws InputError when the file is missing, a folder or unreadable; SystemError when reading it fails.
std::string sha256_of_file(const std::filesystem::path& path,
                           const std::function<void(int64_t, int64_t)>& progress = {});

}  // namespace monge::io
