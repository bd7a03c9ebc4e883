// A file that is read at any place.
#pragma once

#include <cstdint>
#include <filesystem>

#include "monge/core/unique_fd.h"

namespace monge {

/// An open file; its bytes are copied when they are asked for. Unlike a mapping, a file that was cut short meanwhile or
/// a disk that fails is an error and not the end of the process. Thread-safe.
class ReadAt {
 public:
  /// @throws InputError when it cannot be opened; SystemError when the process has too many open files.
  explicit ReadAt(std::filesystem::path path);

  /// Copies `bytes` bytes from `offset` on to `to`. @throws InputError when the file ends before; SystemError when
  /// reading fails.
  void read(int64_t offset, void* to, int64_t bytes) const;

 private:
  std::filesystem::path path_;
  UniqueFd fd_;
};

}  // namespace monge
