#include "monge/core/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "monge/core/error.h"
#include "monge/core/file_changes.h"
#include "monge/core/file_name.h"
#include "monge/core/file_system.h"
#include "monge/core/part_guard.h"
#include "monge/core/unique_fd.h"

namespace monge {
namespace {

namespace fs = std::filesystem;

/// An open file whose failures name its path.
class Descriptor {
 public:
  Descriptor(const fs::path& path, int flags)
      : path_(path),
        fd_((flags & O_ACCMODE) == O_RDONLY ? ::open(path.c_str(), flags)
                                            : file_system().open(AT_FDCWD, path, flags, 0644)) {
    if (!fd_) fail("cannot open");
  }

  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t written = file_system().write(fd_.get(), bytes);
      if (written < 0) fail("cannot write");
      bytes.remove_prefix(static_cast<size_t>(written));
    }
  }
  /// @param too_large  set if the file has more than `most` bytes; then nothing is read, or `most` bytes and some more
  ///     of a file whose size is not known beforehand or which grows.
  std::string read(int64_t most, bool& too_large) {
    struct stat facts {};
    std::string out;
    // One byte more than the size, so that the read that reaches the end needs no larger buffer.
    const bool known = ::fstat(fd_.get(), &facts) == 0 && facts.st_size > 0;
    too_large = known && facts.st_size > most;
    if (too_large) return out;
    if (known) out.resize(static_cast<size_t>(facts.st_size) + 1);
    for (size_t have = 0;;) {
      if (have == out.size()) out.resize(have + std::max(have, size_t{1} << 16));
      const ssize_t count = ::read(fd_.get(), out.data() + have, out.size() - have);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) fail("cannot read");
      have += static_cast<size_t>(count);
      too_large = static_cast<int64_t>(have) > most;
      if (too_large) return {};
      // A regular file is at its end when all its bytes were read; this saves one more call.
      const bool whole = S_ISREG(facts.st_mode) && have == static_cast<size_t>(facts.st_size) && have < out.size();
      if (count > 0 && !whole) continue;
      out.resize(have);
      return out;
    }
  }
  void begin_sync() { ::sync_file_range(fd_.get(), 0, 0, SYNC_FILE_RANGE_WRITE); }  // a hint; its failure does no harm
  void sync() {
    // Some special files (pipes, /dev/null) cannot be synchronised; they need not be.
    if (file_system().sync(fd_.get()) != 0 && errno != EINVAL) fail("cannot flush to the disk");
  }

 private:
  [[noreturn]] void fail(const char* what) const { throw_system_error(what, path_); }

  fs::path path_;
  UniqueFd fd_;
};

}  // namespace

std::string Files::read(const fs::path& path, int64_t most) const {
  try {
    bool too_large = false;
    auto out = Descriptor(path, O_RDONLY | O_CLOEXEC).read(most, too_large);
    if (too_large)
      throw InputError(text(path.string(), ": is larger than ", most, " bytes, the limit for this kind of file"));
    return out;
  } catch (const SystemError&) {
    // Find the reason only after a failure: each check is a system call, and folders hold many small files.
    std::error_code ignored;
    const bool dangling = !fs::exists(path, ignored) && fs::is_symlink(fs::symlink_status(path, ignored));
    require(!dangling, path.string(), ": is a link to ", fs::read_symlink(path, ignored).string(),
            ", which cannot be opened");
    require(fs::exists(path, ignored), path.string(), ": no such file");
    require(!fs::is_directory(path, ignored), path.string(), ": is a folder, a file was expected");
    const int refused = ::access(path.c_str(), R_OK) == 0 ? 0 : errno;
    require(refused == 0, path.string(), ": cannot be read: ", std::strerror(refused));
    throw;
  }
}

void Files::write(const fs::path& path, std::span<const std::string_view> parts) const {
  Descriptor file(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC);
  for (const auto part : parts) file.write(part);
  file.sync();
}

void Files::publish(const fs::path& from, const fs::path& to) const {
  std::error_code ignored;
  if (fs::is_directory(fs::symlink_status(from, ignored))) sync_folder(from);
  if (file_system().rename(from, to) != 0) throw_system_error(text("cannot publish ", from.string()), to);
  sync_folder(to.parent_path());
}

bool Files::exchange(const fs::path& a, const fs::path& b) const {
  sync_folder(a);
  if (file_system().rename(a, b, RENAME_EXCHANGE) != 0) {
    if (errno == EINVAL || errno == ENOSYS || errno == ENOTSUP || errno == ENOENT) return false;
    throw_system_error(text("cannot be exchanged with ", a.string()), b);
  }
  sync_folder(b.parent_path());
  return true;
}

void Files::replace(const fs::path& path, std::string_view bytes) const {
  const auto beside = part_path(path);
  const PartGuard guard(beside);
  try {
    write(beside, std::array{bytes});
    publish(beside, path);
  } catch (...) {
    std::error_code ignored;
    remove_entry(beside, ignored);
    throw;
  }
}

void Files::append(const fs::path& path, std::string_view bytes) const {
  Descriptor(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC).write(bytes);
}

struct PartFile::Open {
  explicit Open(const fs::path& part) : guard(part), file(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC) {}
  PartGuard guard;
  Descriptor file;
};

PartFile::PartFile(fs::path path, const Files& files) : path_(std::move(path)), part_(part_path(path_)), files_(files) {
  open_ = std::make_unique<Open>(part_);
}

PartFile::~PartFile() {
  std::error_code ignored;
  if (open_) remove_entry(part_, ignored);
}

void PartFile::append(std::string_view bytes) {
  open_->file.write(bytes);
  // Start the write-back now, so that publish() waits less for the disk.
  constexpr size_t kLarge = 1 << 20;
  if (bytes.size() >= kLarge) open_->file.begin_sync();
}

void PartFile::publish() {
  open_->file.sync();
  files_.publish(part_, path_);
  open_.reset();
}

const Files& real_files() {
  static const Files files;
  return files;
}

namespace {

std::string sixteen_digits(uint64_t value) {
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(value));
  return digits;
}

}  // namespace

uint64_t content_hash64(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

std::string content_hash(std::string_view bytes) { return sixteen_digits(content_hash64(bytes)); }

struct ContentHash::State {
  XXH3_state_t xxh3;
};

ContentHash::ContentHash() : state_(std::make_unique<State>()) { XXH3_64bits_reset(&state_->xxh3); }
ContentHash::~ContentHash() = default;
ContentHash::ContentHash(ContentHash&&) noexcept = default;
ContentHash& ContentHash::operator=(ContentHash&&) noexcept = default;
void ContentHash::add(std::string_view bytes) { XXH3_64bits_update(&state_->xxh3, bytes.data(), bytes.size()); }
std::string ContentHash::digits() const { return sixteen_digits(XXH3_64bits_digest(&state_->xxh3)); }

void make_writable_folder(const fs::path& folder) {
  std::error_code failure;
  make_folders(folder, failure);
  require(!failure, folder.string(), ": cannot create the folder: ", failure.message(),
          "; choose another output folder");
  // access() succeeds for the user root on a read-only mount, so this creates a real file: one without a name, which no
  // kill can leave behind.
  const auto path = folder.empty() ? fs::path(".") : folder;
  if (UniqueFd(file_system().open(AT_FDCWD, path, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600))) return;
  // NFS, among others, has no files without names (EOPNOTSUPP; old kernels EISDIR). The name is unique, and O_EXCL and
  // O_NOFOLLOW keep it from touching a file or link that exists already.
  const auto probe = path / (std::string(".monge-write-test-") + std::to_string(::getpid()) + "-" +
                             std::to_string(std::chrono::steady_clock::now().time_since_epoch().count()));
  try {
    Descriptor(probe, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC);
  } catch (const SystemError& error) {
    throw InputError(text(folder.string(), ": the folder cannot be written to (", error.complaint().what,
                          "); choose another output folder"));
  }
  remove_entry(probe, failure);
}

}  // namespace monge
