// A file as memory: nothing is read before it is looked at, and what was looked at can be forgotten again.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>

namespace monge {

/// The bytes of a whole file, mapped read-only. Costs address space alone until its pages are touched; clean pages are
/// given back under pressure. Thread-safe. The file must not be cut short while it is mapped: touching what is gone
/// ends the process.
class MappedFile {
 public:
  enum class Access {
    random,      ///< items in any order: no reading ahead
    sequential,  ///< once, from the beginning to the end
  };

  /// @throws InputError naming the path when it is missing, a folder or unreadable; SystemError when it cannot be
  /// mapped.
  explicit MappedFile(std::filesystem::path path, Access access = Access::random);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::filesystem::path& path() const { return path_; }

  /// Valid as long as this object; empty for an empty file.
  std::string_view bytes() const { return bytes_; }

 private:
  std::filesystem::path path_;
  std::string_view bytes_;
};

/// Says that these bytes of a mapping will be looked at soon, so that the system reads them in one go and meanwhile.
/// Advice alone: changes nothing that can be seen, and costs a call.
void read_ahead(const void* at, size_t bytes);

}  // namespace monge
