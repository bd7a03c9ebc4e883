#include "monge/core/file_system.h"

#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

namespace monge {
namespace {

/// Repeats a call that a signal interrupted.
template <class Call>
auto uninterrupted(const Call& call) {
  for (;;) {
    const auto result = call();
    if (result >= 0 || errno != EINTR) return result;
  }
}

FileSystem& real_file_system() {
  static FileSystem real;
  return real;
}

std::atomic<FileSystem*>& present_file_system() {
  static std::atomic<FileSystem*> present{&real_file_system()};
  return present;
}

}  // namespace

int FileSystem::open(int folder, const std::filesystem::path& path, int flags, mode_t mode) {
  return uninterrupted([&] { return ::openat(folder, path.c_str(), flags, mode); });
}

ssize_t FileSystem::write(int file, std::string_view bytes) {
  return uninterrupted([&] { return ::write(file, bytes.data(), bytes.size()); });
}

int FileSystem::resize(int file, int64_t bytes) {
  return uninterrupted([&] { return ::ftruncate(file, bytes); });
}

int FileSystem::sync(int file) {
  return uninterrupted([&] { return ::fsync(file); });
}

int FileSystem::sync_all(int file) {
  return uninterrupted([&] { return ::syncfs(file); });
}

int FileSystem::rename(const std::filesystem::path& from, const std::filesystem::path& to, unsigned flags) {
  // Without flags the older call, which every file system and kernel has.
  if (flags == 0) return ::rename(from.c_str(), to.c_str());
  return ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), flags);
}

int FileSystem::make_link(const std::filesystem::path& target, const std::filesystem::path& path) {
  return ::symlink(target.c_str(), path.c_str());
}

int FileSystem::make_folder(int folder, const std::filesystem::path& path, mode_t mode) {
  return ::mkdirat(folder, path.c_str(), mode);
}

int FileSystem::remove(int folder, const std::filesystem::path& path) { return ::unlinkat(folder, path.c_str(), 0); }

int FileSystem::remove_folder(int folder, const std::filesystem::path& path) {
  return ::unlinkat(folder, path.c_str(), AT_REMOVEDIR);
}

int FileSystem::lock(int file, int operation) {
  return uninterrupted([&] { return ::flock(file, operation); });
}

int FileSystem::free_space(int file, struct statvfs& facts) {
  return uninterrupted([&] { return ::fstatvfs(file, &facts); });
}

FileSystem& file_system() { return *present_file_system().load(std::memory_order_acquire); }

ScopedFileSystem::ScopedFileSystem(FileSystem& other) : before_(present_file_system().exchange(&other)) {}

ScopedFileSystem::~ScopedFileSystem() { present_file_system().store(before_); }

}  // namespace monge
