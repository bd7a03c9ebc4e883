#include "monge/io/decoding_memory.h"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <string_view>

#include "monge/core/error.h"
#include "monge/io/control_group.h"

namespace monge::io {
namespace {

constexpr int64_t kMebibyte = int64_t{1} << 20;

std::atomic<int64_t> set_bytes{0};
thread_local DecodingMemory* outermost = nullptr;

/// Memory of the machine, or of the process's control groups if they have less.
int64_t usable_memory() {
  const int64_t pages = ::sysconf(_SC_PHYS_PAGES), page = ::sysconf(_SC_PAGESIZE);
  const int64_t machine = pages > 0 && page > 0 ? pages * page : int64_t{1} << 32, groups = control_group_memory();
  return groups > 0 ? std::min(machine, groups) : machine;
}

int64_t default_memory() {
  constexpr const char* kVariable = "MONGE_DECODE_MB";
  constexpr int64_t kLeast = 16, kMost = int64_t{1} << 30, kLeastByDefault = 512 * kMebibyte;
  const char* given = std::getenv(kVariable);
  if (!given || *given == '\0') return std::max(usable_memory() / 2, kLeastByDefault);
  const std::string_view digits = given;
  int64_t mebibytes = 0;
  const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), mebibytes);
  if (fault != std::errc() || end != digits.data() + digits.size() || mebibytes < kLeast || mebibytes > kMost) {
    throw InputError({.what = "not a size in MiB",
                      .where = kVariable,
                      .value = text('"', digits, '"'),
                      .allowed = text("a whole number from ", kLeast),
                      .fix = "unset it for half of the memory"});
  }
  return mebibytes * kMebibyte;
}

/// Counts the bytes of one kind up to a part of the bound. Requests are served in their order, so that a large one is
/// not overtaken for ever.
class Allowance {
 public:
  explicit Allowance(int64_t quarters) : quarters_(quarters) {}

  /// The part of the bound.
  int64_t whole() const { return decoding_memory() / 4 * quarters_; }

  void take(int64_t bytes, const std::string& name, const char* kind) {
    const int64_t most = whole();
    if (bytes > most) {
      throw InputError({.what = text(kind, " would take ", bytes / kMebibyte, " MiB of memory"),
                        .where = name,
                        .allowed = text("up to ", most / kMebibyte, " MiB"),
                        .fix = "shrink it, leave it out, or raise MONGE_DECODE_MB, of which this is a part"});
    }
    std::unique_lock lock(guard_);
    const uint64_t place = last_++;
    // The bound may be lowered meanwhile; who is alone goes on.
    room_.wait(lock, [&] { return place == next_ && (held_ == 0 || held_ + bytes <= most); });
    ++next_;
    held_ += bytes;
    room_.notify_all();
  }

  void give_back(int64_t bytes) {
    if (bytes == 0) return;
    {
      const std::lock_guard lock(guard_);
      held_ -= bytes;
    }
    room_.notify_all();
  }

  int64_t held() {
    const std::lock_guard lock(guard_);
    return held_;
  }
  int64_t waiting() {
    const std::lock_guard lock(guard_);
    return static_cast<int64_t>(last_ - next_);
  }

 private:
  const int64_t quarters_;
  std::mutex guard_;
  std::condition_variable room_;
  uint64_t last_ = 0, next_ = 0;  ///< places in the queue
  int64_t held_ = 0;
};

// Never destroyed, because threads may still decode at the end of the process.
Allowance& files() {
  static auto& made = *new Allowance(1);
  return made;
}
Allowance& decoded() {
  static auto& made = *new Allowance(3);
  return made;
}

/// Gives memory that the allocator keeps back to the system, now and then: when large decodings have given back an
/// eighth of the bound. It keeps up to 64 MiB for each of 8 arenas per core otherwise.
void trim_after(int64_t bytes) {
#ifdef __GLIBC__
  constexpr int64_t kLarge = 16 * kMebibyte, kPart = 8;
  static std::atomic<int64_t> since{0};
  if (bytes < kLarge || (since += bytes) < decoding_memory() / kPart) return;
  since = 0;
  ::malloc_trim(0);
#else
  (void)bytes;
#endif
}

constexpr auto kFile = "the file", kImage = "decoding it";

}  // namespace

int64_t decoding_memory() {
  const int64_t set = set_bytes;
  if (set > 0) return set;
  static const int64_t usual = default_memory();
  return usual;
}

int64_t decoded_memory() { return decoded().whole(); }

void set_decoding_memory(int64_t bytes) { set_bytes = bytes; }

DecodingMemory::DecodingMemory() : joins_(outermost != nullptr) {
  if (!joins_) outermost = this;
}

DecodingMemory::~DecodingMemory() {
  if (joins_) return;
  outermost = nullptr;
  give_back_decoded();
  files().give_back(file_);
}

DecodingMemory* DecodingMemory::of_thread() { return outermost; }

void DecodingMemory::give_back_decoded() {
  trim_after(decoded_ - elsewhere_);  // before others take as much
  decoded().give_back(decoded_);
  decoded_ = 0;
}

void DecodingMemory::hold_file(int64_t bytes, const std::string& name) {
  give_back_decoded();
  files().give_back(file_);
  file_ = 0;
  files().take(bytes, name, kFile);
  file_ = bytes;
}

void DecodingMemory::hold_decoded(int64_t bytes, const std::string& name, int64_t elsewhere) {
  give_back_decoded();
  decoded().take(bytes, name, kImage);
  decoded_ = bytes;
  elsewhere_ = elsewhere;
}

void hold_file_memory(int64_t bytes, const std::string& name) {
  DecodingMemory own;  // joins the caller's scope if there is one
  DecodingMemory::of_thread()->hold_file(bytes, name);
}

int64_t held_decoding_memory() { return files().held() + decoded().held(); }

int64_t waiting_for_decoding_memory() { return files().waiting() + decoded().waiting(); }

}  // namespace monge::io
