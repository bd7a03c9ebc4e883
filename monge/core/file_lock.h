// Locks between processes, held through an open file or folder.
#pragma once

#include <filesystem>

#include "monge/core/error.h"
#include "monge/core/unique_fd.h"

namespace monge {

/// What a lock operation does when another process holds the lock.
enum class LockPolicy {
  wait,  ///< blocks until the other process releases it
  fail,  ///< returns at once without the lock
};

/// Takes the lock of an open descriptor.
/// @return false only when another process holds it and the policy is `fail`. If the file system has no locks, the
///     result is true and nothing is locked: a missing lock must not stop a job.
bool try_lock(int fd, LockPolicy policy);

/// Locks a file or a folder for one process. The system releases the lock when the object or the process ends, however
/// it ends. The locked file remains. Movable.
class FileLock {
 public:
  /// The object that carries the lock.
  enum class On {
    file,    ///< a file, which is created when it is missing
    folder,  ///< an existing folder itself, so that no lock file remains
  };

  FileLock() = default;  ///< holds nothing

  /// Waits for the lock. If `path` cannot be opened, nothing is locked and is_open() is false.
  static FileLock wait(const std::filesystem::path& path, On on);

  /// Takes the lock at once, or throws `busy` as InputError when another process holds it. If `path` cannot be opened,
  /// nothing is locked, is_open() is false and errno has the reason.
  static FileLock take(const std::filesystem::path& path, On on, const Complaint& busy);

  /// Whether a process holds the lock of a file, without touching the lock: a process that takes it meanwhile is not
  /// disturbed. False if the system does not tell (/proc/locks), as for locks of other hosts.
  static bool is_held(const std::filesystem::path& path);

  bool is_open() const { return static_cast<bool>(fd_); }

 private:
  explicit FileLock(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

}  // namespace monge
