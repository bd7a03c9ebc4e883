#include "python/bindings/native_call.h"

#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <c10/core/DefaultDtype.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>

#include "monge/core/error.h"

namespace monge::python {
namespace {

struct Running {
  std::mutex guard;
  std::condition_variable changed;
  std::multiset<std::atomic<bool>*> calls;
  bool ends = false;
};

/// Never destroyed: threads may outlive the destruction of statics.
Running& running() {
  static auto* const out = new Running;
  return *out;
}

}  // namespace

void RunningCalls::add(std::atomic<bool>* stop) {
  auto& all = running();
  const std::lock_guard lock(all.guard);
  if (all.ends) throw SystemError("the interpreter is ending");
  all.calls.insert(stop);
}

void RunningCalls::remove(std::atomic<bool>* stop) {
  auto& all = running();
  {
    const std::lock_guard lock(all.guard);
    all.calls.erase(all.calls.find(stop));
  }
  all.changed.notify_all();
}

void RunningCalls::finish() {
  constexpr std::chrono::seconds kLongest{60};
  auto& all = running();
  const nb::gil_scoped_release release;
  std::unique_lock lock(all.guard);
  all.ends = true;
  for (auto* stop : all.calls) {
    if (stop) *stop = true;
  }
  all.changed.wait_for(lock, kLongest, [&] { return all.calls.empty(); });
}

NativeCall::NativeCall(std::atomic<bool>* stop)
    : registration_(stop),
      cpu_autocast_(at::autocast::is_autocast_enabled(at::kCPU)),
      cuda_autocast_(at::autocast::is_autocast_enabled(at::kCUDA)),
      default_type_(c10::get_default_dtype()) {
  at::autocast::set_autocast_enabled(at::kCPU, false);
  at::autocast::set_autocast_enabled(at::kCUDA, false);
  c10::set_default_dtype(caffe2::TypeMeta::Make<float>());
}

NativeCall::~NativeCall() {
  c10::set_default_dtype(default_type_);
  at::autocast::set_autocast_enabled(at::kCPU, cpu_autocast_);
  at::autocast::set_autocast_enabled(at::kCUDA, cuda_autocast_);
}

ThreadsOfCall::ThreadsOfCall(int64_t threads) : before_(at::get_num_threads()) {
  if (threads > 0) at::set_num_threads(static_cast<int>(threads));
}

ThreadsOfCall::~ThreadsOfCall() { at::set_num_threads(before_); }

}  // namespace monge::python
