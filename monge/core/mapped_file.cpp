#include "monge/core/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "monge/core/error.h"
#include "monge/core/unique_fd.h"

namespace monge {

MappedFile::MappedFile(std::filesystem::path path, Access access) : path_(std::move(path)) {
  UniqueFd fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    const int reason = errno;
    require(reason != ENOENT && reason != ENOTDIR, path_.string(), ": no such file");
    if (reason == EACCES || reason == EPERM)
      throw InputError(text(path_.string(), ": cannot be read: ", std::strerror(reason)));
    throw SystemError(text(path_.string(), ": cannot be opened: ", std::strerror(reason)));
  }
  struct stat facts {};
  const bool known = ::fstat(fd.get(), &facts) == 0;
  const bool plain = known && S_ISREG(facts.st_mode);
  const auto size = plain ? static_cast<size_t>(facts.st_size) : 0;
  void* at = size > 0 ? ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd.get(), 0) : nullptr;
  const int reason = errno;
  fd.reset();  // the mapping keeps the file open
  require(!known || !S_ISDIR(facts.st_mode), path_.string(), ": is a folder, a file was expected");
  require(plain, path_.string(), ": is not a regular file, so it cannot be mapped");
  if (size == 0) return;
  if (at == MAP_FAILED) {
    throw SystemError({.what = text("cannot be mapped: ", std::strerror(reason)),
                       .where = path_.string(),
                       .fix = reason == ENOMEM ? "raise the limit on address space (ulimit -v)" : ""});
  }
  ::madvise(at, size,
            access == Access::random ? MADV_RANDOM : MADV_SEQUENTIAL);  // advice; without it only speed is lost
  bytes_ = {static_cast<const char*>(at), size};
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<char*>(bytes_.data()), bytes_.size());
}

void read_ahead(const void* at, size_t bytes) {
  static const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<uintptr_t>(at), whole = begin / page * page;
  ::madvise(reinterpret_cast<void*>(whole), bytes + (begin - whole), MADV_WILLNEED);
}

}  // namespace monge
