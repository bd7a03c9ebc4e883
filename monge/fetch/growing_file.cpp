#include "monge/fetch/growing_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "monge/core/error.h"

namespace monge::fetch {

void GrowingFile::now_holds(int64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (!fd_) fd_.reset(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd_) throw SystemError(text(path_.string(), ": cannot be read: ", std::strerror(errno)));
  if (bytes < size_) ++beginnings_;
  size_ = bytes;
  changed_.notify_all();
}

void GrowingFile::finish() {
  const std::lock_guard lock(mutex_);
  finished_ = true;
  changed_.notify_all();
}

void GrowingFile::abandon() {
  const std::lock_guard lock(mutex_);
  abandoned_ = true;
  changed_.notify_all();
}

void GrowingFile::rewind() {
  const std::lock_guard lock(mutex_);
  position_ = 0;
  seen_ = beginnings_;
}

size_t GrowingFile::read(char* to, size_t room) {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (abandoned_ || (stop_ && *stop_)) throw Abandoned{};
    if (seen_ != beginnings_) throw Restarted{};
    if (position_ < size_) {
      const auto wanted = static_cast<size_t>(std::min<int64_t>(size_ - position_, static_cast<int64_t>(room)));
      lock.unlock();
      const ssize_t count = ::pread(fd_.get(), to, wanted, position_);
      const int reason = errno;
      lock.lock();
      if (count < 0 && reason != EINTR)
        throw SystemError(text(path_.string(), ": cannot read: ", std::strerror(reason)));
      if (seen_ != beginnings_) throw Restarted{};
      if (count > 0) {
        position_ += count;
        return static_cast<size_t>(count);
      }
      if (count == 0 && finished_)
        throw SystemError(text(path_.string(), ": the file became shorter while it was being read"));
      // The writer emptied the file and will announce it.
    } else if (finished_) {
      return 0;
    }
    changed_.wait_for(lock, std::chrono::milliseconds(50));
  }
}

}  // namespace monge::fetch
