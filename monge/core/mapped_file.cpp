#include "monge/core/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <utility>

#include "monge/core/error.h"
#include "monge/core/unique_fd.h"

namespace monge {

/// What the handler of SIGBUS knows of a mapping. Never freed, so that the handler can read the list at any time; used
/// again for later mappings.
struct MappedFile::Mapping {
  std::atomic<uintptr_t> begin{0};  ///< 0: not in use
  std::atomic<size_t> size{0};
  std::atomic<bool> lost{false};  ///< bytes that were used could not be read
  const MappedFile* file = nullptr;
  Mapping* next = nullptr;

  static inline std::atomic<Mapping*> first{nullptr};
  static inline std::mutex guard;            ///< of `file`, and of changes of the list
  static inline struct sigaction before {};  ///< the handler that was there

  bool holds(uintptr_t at) const {
    const auto own = begin.load(std::memory_order_acquire);
    return own != 0 && at >= own && at - own < size.load(std::memory_order_relaxed);
  }

  static Mapping* find(uintptr_t at) {
    auto* each = first.load(std::memory_order_acquire);
    while (each && !each->holds(at)) each = each->next;
    return each;
  }

  static Mapping* add(const MappedFile& file) {
    const std::lock_guard lock(guard);
    auto* free = first.load(std::memory_order_relaxed);
    while (free && free->begin != 0) free = free->next;
    const bool fresh = free == nullptr;
    if (fresh) {
      free = new Mapping;
      free->next = first.load(std::memory_order_relaxed);
    }
    free->file = &file;
    free->lost = false;
    free->size.store(file.bytes_.size(), std::memory_order_relaxed);
    free->begin.store(reinterpret_cast<uintptr_t>(file.bytes_.data()), std::memory_order_release);
    if (fresh) first.store(free, std::memory_order_release);
    return free;
  }

  void remove() {
    const std::lock_guard lock(guard);
    begin.store(0, std::memory_order_release);
    file = nullptr;
  }
};

/// Puts memory in the place of the page that cannot be read, and of all after it, so that the thread can go on. Its
/// bytes are NaN as floats, so that values which nobody checks against require_whole() are not taken for data. Only
/// system calls and atomics are used here.
void MappedFile::on_bus_error(int signal, siginfo_t* facts, void* context) {
  static const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));  // first used by install_handler
  if (!facts) return;
  const int reason = errno;
  const auto at = reinterpret_cast<uintptr_t>(facts->si_addr);
  auto* mapping = facts->si_code > 0 ? Mapping::find(at) : nullptr;  // 0 and less: sent by a process
  if (mapping) {
    mapping->lost = true;
    const uintptr_t lost = at / page * page, end = mapping->begin + mapping->size;
    constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
    if (end > lost + page) {
      // Read-only zeros, which take no memory.
      ::mmap(reinterpret_cast<void*>(lost + page), end - lost - page, PROT_READ, kFlags, -1, 0);
    }
    void* memory = ::mmap(reinterpret_cast<void*>(lost), page, PROT_READ | PROT_WRITE, kFlags, -1, 0);
    if (memory != MAP_FAILED) {
      std::memset(memory, 0xff, page);
      errno = reason;
      return;
    }
  }
  errno = reason;
  if (Mapping::before.sa_flags & SA_SIGINFO) return Mapping::before.sa_sigaction(signal, facts, context);
  if (Mapping::before.sa_handler != SIG_DFL && Mapping::before.sa_handler != SIG_IGN)
    return Mapping::before.sa_handler(signal);
  ::signal(signal, SIG_DFL);  // returning repeats the access, which now ends the process
  if (facts->si_code <= 0) ::raise(signal);
}

void MappedFile::install_handler() {
  static const bool installed = [] {
    on_bus_error(SIGBUS, nullptr, nullptr);
    struct sigaction own {};
    own.sa_sigaction = &MappedFile::on_bus_error;
    own.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    ::sigemptyset(&own.sa_mask);
    return ::sigaction(SIGBUS, &own, &Mapping::before) == 0;
  }();
  (void)installed;
}

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
  fd_ = std::move(fd);
  install_handler();
  mapping_ = Mapping::add(*this);
}

MappedFile::~MappedFile() {
  if (mapping_) mapping_->remove();
  if (!bytes_.empty()) ::munmap(const_cast<char*>(bytes_.data()), bytes_.size());
}

void MappedFile::require_whole() const {
  if (!mapping_) return;
  struct stat facts {};
  const bool cut = ::fstat(fd_.get(), &facts) == 0 && static_cast<size_t>(facts.st_size) < bytes_.size();
  require(!cut, path_.string(), ": has become shorter since it was opened; copy it again");
  require(!mapping_->lost, path_.string(),
          ": a part of it could not be read: the disk failed, or the file was changed meanwhile; copy it again");
}

void require_whole_mapping(const void* at) {
  const std::lock_guard lock(MappedFile::Mapping::guard);
  const auto* mapping = MappedFile::Mapping::find(reinterpret_cast<uintptr_t>(at));
  if (mapping && mapping->file) mapping->file->require_whole();
}

void read_ahead(const void* at, size_t bytes) {
  static const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<uintptr_t>(at), whole = begin / page * page;
  ::madvise(reinterpret_cast<void*>(whole), bytes + (begin - whole), MADV_WILLNEED);
}

}  // namespace monge
