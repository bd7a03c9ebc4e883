// Locks between processes, held through an open file or folder.
#pragma once

#include <filesystem>

#include "monge/core/error.h"
#include "monge/core/unique_fd.h"

namespace monge {

/// How FileLock takes its lock when another process holds it.
enum class LockPolicy {
  wait,  ///< until the other lets go
  fail,  ///< gives up at once
};

/// Takes the lock of an open descriptor. @return false only when another process holds it and the policy is `fail`. A
/// file system that knows no locks is no reason to stop: there the answer is true and nothing is locked.
bool try_lock(int fd, LockPolicy policy);

/// Holds a file or a folder for one process. The system lets go when the object or the process ends, however it ends;
/// the locked file stays. Movable.
class FileLock {
 public:
  /// What the lock is held through.
  enum class On {
    file,    ///< a file, which is made when it is missing
    folder,  ///< an existing folder itself, so that no file of the lock stays behind
  };

  FileLock() = default;  ///< holds nothing

  /// Waits for the lock. Where `path` cannot be opened, nothing is locked and is_open() is false.
  static FileLock wait(const std::filesystem::path& path, On on);

  /// Takes the lock at once, or throws `busy` as InputError when another process holds it. Where `path` cannot be
  /// opened, nothing is locked and is_open() is false; errno has the reason.
  static FileLock take(const std::filesystem::path& path, On on, const Complaint& busy);

  bool is_open() const { return static_cast<bool>(fd_); }

 private:
  explicit FileLock(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

}  // namespace monge
