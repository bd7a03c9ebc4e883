#include "monge/core/read_at.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "monge/core/error.h"

namespace monge {

ReadAt::ReadAt(std::filesystem::path path) : path_(std::move(path)), fd_(::open(path_.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (fd_) return;
  const int reason = errno;
  if (reason == EMFILE || reason == ENFILE)
    throw SystemError(text(path_.string(), ": too many open files; raise the limit (ulimit -n)"));
  throw InputError(text(path_.string(), ": cannot be opened: ", std::strerror(reason)));
}

void ReadAt::read(int64_t offset, void* to, int64_t bytes) const {
  auto* at = static_cast<char*>(to);
  while (bytes > 0) {
    const auto count = ::pread(fd_.get(), at, static_cast<size_t>(bytes), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw SystemError(text(path_.string(), ": cannot be read: ", std::strerror(errno)));
    if (count == 0) throw InputError(text(path_.string(), ": has become shorter since it was opened; copy it again"));
    at += count;
    offset += count;
    bytes -= count;
  }
}

}  // namespace monge
