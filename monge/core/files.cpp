#include "monge/core/files.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "monge/core/error.h"

namespace monge {
namespace {

namespace fs = std::filesystem;

/// Owns a file descriptor.
class Descriptor {
 public:
  Descriptor(const fs::path& path, int flags) : path_(path), fd_(::open(path.c_str(), flags, 0644)) {
    if (fd_ < 0) fail("cannot open");
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail("cannot write");
      bytes.remove_prefix(static_cast<size_t>(written));
    }
  }
  void sync() {
    // Some special files (pipes, /dev/null) cannot be synchronised; that is no loss.
    if (::fsync(fd_) != 0 && errno != EINVAL && errno != EROFS) fail("cannot flush to the disk");
  }

 private:
  [[noreturn]] void fail(const char* what) const {
    const int reason = errno;
    throw SystemError(Complaint{.what = text(what, ": ", std::strerror(reason)),
                                .where = path_.string(),
                                .fix = reason == ENOSPC ? "free some space on that disk and run the command again" : ""});
  }

  fs::path path_;
  int fd_;
};

}  // namespace

std::string Files::read(const fs::path& path) const {
  std::error_code ignored;
  require(fs::exists(path, ignored), path.string(), ": no such file");
  require(!fs::is_directory(path, ignored), path.string(), ": is a folder, a file was expected");
  std::ifstream in(path, std::ios::binary);
  require(in.good(), path.string(), ": cannot be read: ", std::strerror(errno));
  std::ostringstream out;
  if (fs::is_regular_file(path, ignored) && fs::file_size(path, ignored) == 0) return {};
  out << in.rdbuf();
  require(!in.bad(), path.string(), ": reading failed: ", std::strerror(errno));
  return std::move(out).str();
}

void Files::write(const fs::path& path, std::span<const std::string_view> parts) const {
  Descriptor file(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC);
  for (const auto part : parts) file.write(part);
  file.sync();
}

void Files::publish(const fs::path& from, const fs::path& to) const {
  if (std::rename(from.c_str(), to.c_str()) != 0) {
    throw SystemError(text(to.string(), ": cannot publish ", from.string(), ": ", std::strerror(errno)));
  }
  const auto folder = to.parent_path().empty() ? fs::path(".") : to.parent_path();
  Descriptor(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC).sync();
}

void Files::replace(const fs::path& path, std::string_view bytes) const {
  auto beside = path;
  beside += ".part";
  try {
    write(beside, std::array{bytes});
    publish(beside, path);
  } catch (...) {
    std::error_code ignored;
    fs::remove(beside, ignored);
    throw;
  }
}

void Files::append(const fs::path& path, std::string_view bytes) const {
  Descriptor(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC).write(bytes);
}

const Files& real_files() {
  static const Files files;
  return files;
}

std::string content_hash(std::string_view bytes) {
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(XXH3_64bits(bytes.data(), bytes.size())));
  return digits;
}

void make_writable_folder(const fs::path& folder) {
  std::error_code failure;
  fs::create_directories(folder, failure);
  require(!failure, folder.string(), ": cannot create the folder: ", failure.message(), "; choose another output folder");
  // access() alone says yes to root on a read-only mount; a real file tells.
  const auto probe = folder / ".monge-write-test";
  try {
    Descriptor(probe, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC);
  } catch (const SystemError& error) {
    throw Error(text(folder.string(), ": the folder cannot be written to (", error.complaint().what,
                     "); choose another output folder"));
  }
  fs::remove(probe, failure);
}

}  // namespace monge
