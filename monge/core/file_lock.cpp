#include "monge/core/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

namespace monge {
namespace {

UniqueFd open_to_lock(const std::filesystem::path& path, FileLock::On on) {
  const int flags = on == FileLock::On::folder ? O_RDONLY | O_DIRECTORY : O_RDWR | O_CREAT;
  return UniqueFd(::open(path.c_str(), flags | O_CLOEXEC, 0644));
}

}  // namespace

bool try_lock(int fd, LockPolicy policy) {
  const int operation = policy == LockPolicy::wait ? LOCK_EX : LOCK_EX | LOCK_NB;
  while (::flock(fd, operation) != 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) return true;  // a file system without locks
  }
  return true;
}

FileLock FileLock::wait(const std::filesystem::path& path, On on) {
  auto fd = open_to_lock(path, on);
  if (fd) try_lock(fd.get(), LockPolicy::wait);
  return FileLock(std::move(fd));
}

FileLock FileLock::take(const std::filesystem::path& path, On on, const Complaint& busy) {
  auto fd = open_to_lock(path, on);
  if (fd && !try_lock(fd.get(), LockPolicy::fail)) throw InputError(busy);
  return FileLock(std::move(fd));
}

}  // namespace monge
