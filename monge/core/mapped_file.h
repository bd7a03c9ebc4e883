// A file mapped into memory: the system reads a page when it is first used and may drop it again.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>

namespace monge {

/// The bytes of a whole file, mapped read-only. It costs only address space until its pages are used, and the system
/// reclaims clean pages under memory pressure. Thread-safe. Nobody may truncate the file while it is mapped: using
/// bytes beyond the new end terminates the process.
class MappedFile {
 public:
  enum class Access {
    random,      ///< items in any order; the system does not read ahead
    sequential,  ///< one pass from the beginning to the end
  };

  /// @throws InputError naming the path when it is missing, a folder or unreadable; SystemError when it cannot be
  ///     mapped.
  explicit MappedFile(std::filesystem::path path, Access access = Access::random);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::filesystem::path& path() const { return path_; }

  /// The bytes, valid as long as this object. Empty for an empty file.
  std::string_view bytes() const { return bytes_; }

 private:
  std::filesystem::path path_;
  std::string_view bytes_;
};

/// Announces that these bytes of a mapping will be used soon, so that the system reads them in one request and in the
/// background. It is advice only: it has no visible effect and costs one system call.
void read_ahead(const void* at, size_t bytes);

}  // namespace monge
