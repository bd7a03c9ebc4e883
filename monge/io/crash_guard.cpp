#include "monge/io/crash_guard.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "monge/core/checked.h"

namespace monge::io {
namespace {

using End = ChildOutcome::End;

// In shared memory: how the work of a child ended, and its complaint. Zeros mean that it did not come so far.
constexpr int64_t kMessageBytes = 16 << 10;
constexpr char kSaidEnd = 'a';

bool trial_child = false;

// noexcept: what is thrown here must not run the code of the parent.
[[noreturn]] void be_child(const std::function<void()>& work, const ChildLimits& limits, char* message) noexcept {
  trial_child = true;
  set_up_child();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  limit_child(limits, limited_bytes());
  const auto outcome = run_work(work);
  if (outcome.has_complaint()) {
    const auto bytes = packed(outcome.complaint);
    std::copy_n(bytes.data(), std::min<size_t>(bytes.size(), kMessageBytes - 1), message + 1);
  }
  *message = static_cast<char>(kSaidEnd + static_cast<char>(outcome.end));
  ::_exit(0);
}

}  // namespace

bool is_trial_child() { return trial_child; }

ChildOutcome run_in_child(const std::function<void()>& work, const ChildLimits& limits) {
  const auto shared = shared_zeros({kMessageBytes}, torch::kUInt8);
  auto* message = static_cast<char*>(shared.mutable_data_ptr());
  const pid_t child = ::fork();
  if (child < 0) return {};
  if (child == 0) be_child(work, limits, message);
  const auto how = wait_for_child(child);
  if (*message == 0) return {.end = how};
  ChildOutcome out{.end = static_cast<End>(*message - kSaidEnd)};
  if (out.has_complaint()) out.complaint = unpacked_complaint({message + 1, kMessageBytes - 1});
  return out;
}

ChildLimits hdf5_limits(const std::string& file) {
  std::error_code failure;
  const auto size = std::filesystem::file_size(file, failure);
  ChildLimits out;
  if (failure) return out;
  out.seconds += static_cast<int64_t>(size / 1'000'000);
  out.bytes += 32 * static_cast<int64_t>(std::min<uintmax_t>(size, uintmax_t{1} << 50));
  return out;
}

bool tried_in_child(const std::string& file, const std::function<void()>& work) {
  const auto limits = hdf5_limits(file);
  const auto outcome = run_in_child(work, limits);
  const auto damaged = [&](const std::string& why) {
    throw InputError({.what = "the file is damaged: " + why, .where = file, .fix = "get it again from where it came"});
  };
  switch (outcome.end) {
    case End::refused:
      throw InputError(outcome.complaint);
    case End::exhausted:
      throw InputError({.what = text("the file is damaged, or unpacks to very much: reading it takes more than ",
                                     limits.bytes >> 20, " MiB of memory"),
                        .where = file,
                        .fix = "get it again from where it came, or write it with less compression"});
    case End::crashed:
      damaged("HDF5 crashes on it");
      break;
    case End::stuck:
      damaged(text("reading it took HDF5 more than ", limits.seconds, " s of processor time"));
      break;
    default:
      break;
  }
  return outcome.end == End::done;
}

torch::Tensor shared_zeros(const std::vector<int64_t>& shape, torch::ScalarType type) {
  int64_t bytes = static_cast<int64_t>(c10::elementSize(type));
  for (const int64_t extent : shape) bytes = checked_multiply(bytes, extent, "a table");
  if (bytes == 0) return torch::zeros(shape, type);
  void* memory = ::mmap(nullptr, static_cast<size_t>(bytes), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw SystemError(text("no memory for ", bytes, " bytes: ", std::strerror(errno)));
  const auto free = [bytes](void* at) { ::munmap(at, static_cast<size_t>(bytes)); };
  return torch::from_blob(memory, shape, free, torch::TensorOptions().dtype(type));
}

}  // namespace monge::io
