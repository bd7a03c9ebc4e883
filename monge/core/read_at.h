// Reads a file at any offset.
#pragma once

#include <cstdint>
#include <filesystem>

#include "monge/core/unique_fd.h"

namespace monge {

/// An open file whose bytes are copied on request. Unlike with a mapping, a file that was truncated meanwhile or a disk
/// that fails causes an exception and does not terminate the process. Thread-safe.
class ReadAt {
 public:
  /// @throws InputError when it cannot be opened; SystemError when the process has too many open files.
  explicit ReadAt(std::filesystem::path path);

  /// Copies `bytes` bytes, starting at `offset`, to `to`.
  /// @throws InputError when the file is too short; SystemError when the read fails.
  void read(int64_t offset, void* to, int64_t bytes) const;

 private:
  std::filesystem::path path_;
  UniqueFd fd_;
};

}  // namespace monge
