#include "monge/fetch/download_part.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <sstream>

#include "monge/core/error.h"
#include "monge/core/file_changes.h"
#include "monge/core/file_lock.h"
#include "monge/core/file_name.h"
#include "monge/core/file_system.h"
#include "monge/core/files.h"

namespace monge::fetch {

namespace fs = std::filesystem;

DownloadPart::DownloadPart(const fs::path& destination)
    : destination_(destination), path_(part_path(destination)), origin_path_(with_ending(destination, ".part.from")) {
  while (!open_and_lock()) {
  }
  struct stat facts {};
  if (::fstat(fd_.get(), &facts) != 0) fail("cannot read the size");
  size_ = facts.st_size;
  std::error_code ignored;
  if (size_ > 0 && fs::is_regular_file(origin_path_, ignored)) {
    std::istringstream lines(real_files().read(origin_path_));
    std::getline(lines, origin_.url);
    std::getline(lines, origin_.validator);
  }
}

DownloadPart::~DownloadPart() {
  if (fd_ && size_ == 0) discard();
}

/// @return false when another process published or removed the file between the opening and the lock. Then it is not
///     ours.
bool DownloadPart::open_and_lock() {
  fd_.reset(file_system().open(AT_FDCWD, path_, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!fd_) fail("cannot open");
  if (!try_lock(fd_.get(), LockPolicy::fail)) {
    fd_.reset();  // what is not ours must not be removed
    throw InputError({.what = "another process is fetching this file",
                      .where = destination_.string(),
                      .fix = "wait for it to end, or stop it"});
  }
  struct stat mine {
  }, named{};
  const bool ours = ::fstat(fd_.get(), &mine) == 0 && ::stat(path_.c_str(), &named) == 0 &&
                    mine.st_ino == named.st_ino && mine.st_dev == named.st_dev;
  if (!ours) fd_.reset();
  return ours;
}

void DownloadPart::fail(const char* what) const { throw_system_error(what, path_); }

void DownloadPart::restart(const DownloadOrigin& origin) {
  if (file_system().resize(fd_.get(), 0) != 0) fail("cannot truncate");
  // Before the new origin is on the disk: a power cut must not leave the bytes of the old one under its name.
  if (file_system().sync(fd_.get()) != 0) fail("cannot flush to the disk");
  size_ = 0;
  origin_ = origin;
  real_files().replace(origin_path_, origin.url + '\n' + origin.validator + '\n');
}

void DownloadPart::append(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = file_system().write(fd_.get(), bytes);
    if (written < 0) fail("cannot write");
    size_ += written;
    bytes.remove_prefix(static_cast<size_t>(written));
  }
}

void DownloadPart::publish() {
  if (file_system().sync(fd_.get()) != 0) fail("cannot flush to the disk");
  real_files().publish(path_, destination_);
  std::error_code ignored;
  remove_entry(origin_path_, ignored);
  fd_.reset();
}

void DownloadPart::discard() {
  std::error_code ignored;
  remove_entry(path_, ignored);
  remove_entry(origin_path_, ignored);
  fd_.reset();
}

}  // namespace monge::fetch
