#include "monge/core/file_tail.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "monge/core/unique_fd.h"

namespace monge {

FileTail::News FileTail::poll() {
  News out;
  const UniqueFd fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat file {};
  if (!fd || ::fstat(fd.get(), &file) != 0 || !S_ISREG(file.st_mode)) return out;
  if (file.st_ino != inode_ || file.st_size < read_) {
    out.anew = read_ > 0;
    inode_ = file.st_ino;
    read_ = std::max<int64_t>(0, file.st_size - first_);
    skips_ = read_ > 0;
    rest_.clear();
  }
  char buffer[1 << 16];
  for (;;) {
    const auto got = ::pread(fd.get(), buffer, sizeof buffer, read_);
    if (got <= 0) break;
    read_ += got;
    rest_.append(buffer, static_cast<size_t>(got));
  }
  size_t begin = 0;
  for (size_t end; (end = rest_.find('\n', begin)) != std::string::npos; begin = end + 1) {
    if (!skips_) out.lines.push_back(rest_.substr(begin, end - begin));
    skips_ = false;
  }
  rest_.erase(0, begin);
  return out;
}

}  // namespace monge
