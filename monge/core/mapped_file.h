// A file mapped into memory: the system reads a page when it is first used and may drop it again.
#pragma once

#include <csignal>
#include <cstddef>
#include <filesystem>
#include <string_view>

#include "monge/core/error.h"
#include "monge/core/unique_fd.h"

namespace monge {

/// The bytes of a whole file, mapped read-only. It costs only address space until its pages are used, and the system
/// reclaims clean pages under memory pressure. Thread-safe.
///
/// If the file is cut or the disk fails while it is mapped, bytes that are lost have arbitrary values, so whoever uses
/// bytes calls require_whole() before relying on what they gave. The first object of this class installs a handler of
/// SIGBUS, by which the system reports lost bytes: without it their use would end the process. It passes on signals
/// that concern no MappedFile. If another handler replaces it later, lost bytes end the process again.
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

  /// @throws InputError naming the path if the file is shorter than it was when it was mapped, or if bytes that were
  ///     used could not be read. One system call.
  void require_whole() const;

  /// Gives use(bytes()), and checks afterwards that the bytes were whole, also if `use` throws an error of theirs.
  template <class Use>
  auto used_by(const Use& use) const {
    try {
      auto out = use(bytes());
      require_whole();
      return out;
    } catch (const Error&) {
      require_whole();
      throw;
    }
  }

 private:
  struct Mapping;
  friend void require_whole_mapping(const void* at);
  static void on_bus_error(int signal, siginfo_t* facts, void* context);
  static void install_handler();

  std::filesystem::path path_;
  std::string_view bytes_;
  UniqueFd fd_;
  Mapping* mapping_ = nullptr;
};

/// Calls require_whole() of the file whose mapping holds this address, if there is one. So a view of a mapped file that
/// does not know of it, such as a tensor, can be checked; it must keep the mapping alive.
void require_whole_mapping(const void* at);

/// Announces that these bytes of a mapping will be used soon, so that the system reads them in one request and in the
/// background. It is advice only: it has no visible effect and costs one system call.
void read_ahead(const void* at, size_t bytes);

}  // namespace monge
