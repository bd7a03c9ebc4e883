#include "monge/core/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "monge/core/file_system.h"

namespace monge {
namespace {

UniqueFd open_to_lock(const std::filesystem::path& path, FileLock::On on) {
  if (on == FileLock::On::folder) return UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return UniqueFd(file_system().open(AT_FDCWD, path, O_RDWR | O_CREAT | O_CLOEXEC, 0644));
}

/// Whether a process has the file open.
bool has_open(const std::string& process, const struct stat& file) {
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/" + process + "/fd", ignored)) {
    struct stat open {};
    if (::stat(entry.path().c_str(), &open) == 0 && open.st_ino == file.st_ino && open.st_dev == file.st_dev)
      return true;
  }
  return false;
}

}  // namespace

bool try_lock(int fd, LockPolicy policy) {
  const int operation = policy == LockPolicy::wait ? LOCK_EX : LOCK_EX | LOCK_NB;
  // Any other failure than that of a lock which another holds: a file system without locks.
  return file_system().lock(fd, operation) == 0 || errno != EWOULDBLOCK;
}

FileLock FileLock::wait(const std::filesystem::path& path, On on) {
  auto fd = open_to_lock(path, on);
  if (fd) try_lock(fd.get(), LockPolicy::wait);
  return FileLock(std::move(fd));
}

bool FileLock::is_held(const std::filesystem::path& path) {
  struct stat file {};
  if (::stat(path.c_str(), &file) != 0) return false;
  char device[32];  // as the kernel writes it, in hexadecimal
  std::snprintf(device, sizeof device, "%02x:%02x:", major(file.st_dev), minor(file.st_dev));
  const auto inode = std::to_string(file.st_ino);
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);) {
    // 1: FLOCK  ADVISORY  WRITE 12345 08:01:131 0 EOF; a process that waits has "->" after the number.
    std::istringstream words(line);
    std::string number, kind, mode, access, process, where;
    if (!(words >> number >> kind >> mode >> access >> process >> where) || kind != "FLOCK") continue;
    if (where == device + inode) return true;
    // Layered file systems show another device there than stat does.
    if (where.ends_with(":" + inode) && has_open(process, file)) return true;
  }
  return false;
}

FileLock FileLock::take(const std::filesystem::path& path, On on, const Complaint& busy) {
  auto fd = open_to_lock(path, on);
  if (fd && !try_lock(fd.get(), LockPolicy::fail)) throw InputError(busy);
  return FileLock(std::move(fd));
}

}  // namespace monge
