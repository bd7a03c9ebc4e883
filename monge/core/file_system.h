// The system calls that change files, behind an interface, so that tests can refuse any of them, or stop at any of
// them.
#pragma once

#include <fcntl.h>
#include <sys/statvfs.h>
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace monge {

/// What monge asks of the system to change files and folders. Everything that it writes goes through file_system(), but
/// for what a library writes by itself (HDF5). Reading does not.
///
/// Each function is one system call, which it repeats after a signal (EINTR). It returns what the call returns: -1 with
/// the reason in errno on failure. `folder` is an open folder to which a relative path refers, or AT_FDCWD. Most
/// callers want what is built on it: Files and PartFile (files.h), FileLock, and file_changes.h. Thread-safe.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  /// Opens a file to write to it, perhaps making it (openat).
  virtual int open(int folder, const std::filesystem::path& path, int flags, mode_t mode);
  /// Writes some of the bytes. @return their number.
  virtual ssize_t write(int file, std::string_view bytes);
  virtual int resize(int file, int64_t bytes);
  /// Waits until the content of a file, or the names in a folder, are on the disk.
  virtual int sync(int file);
  /// The same for the whole file system on which the open file is.
  virtual int sync_all(int file);
  /// @param flags  of renameat2: 0, RENAME_NOREPLACE or RENAME_EXCHANGE.
  virtual int rename(const std::filesystem::path& from, const std::filesystem::path& to, unsigned flags = 0);
  /// Makes a symbolic link.
  virtual int make_link(const std::filesystem::path& target, const std::filesystem::path& path);
  virtual int make_folder(int folder, const std::filesystem::path& path, mode_t mode);
  /// Removes a file or a link.
  virtual int remove(int folder, const std::filesystem::path& path);
  virtual int remove_folder(int folder, const std::filesystem::path& path);
  /// @param operation  of flock.
  virtual int lock(int file, int operation);
  virtual int free_space(int file, struct statvfs& facts);
};

/// The file system that is used: the real one, unless a test has put another in its place.
FileSystem& file_system();

/// Puts another file system in the place of the present one, for the life of the object and for all threads. For tests.
class ScopedFileSystem {
 public:
  explicit ScopedFileSystem(FileSystem& other);
  ~ScopedFileSystem();
  ScopedFileSystem(const ScopedFileSystem&) = delete;
  ScopedFileSystem& operator=(const ScopedFileSystem&) = delete;

 private:
  FileSystem* before_;
};

}  // namespace monge
