// The scope of a call into the library.
#pragma once

#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/typeid.h>
#include <nanobind/nanobind.h>

#include <atomic>
#include <cstdint>

namespace monge::python {

namespace nb = nanobind;

/// The calls into the library that are running, so that the interpreter can wait for them before it ends: a thread that
/// asks for the GIL afterwards would abort the process.
class RunningCalls {
 public:
  /// A job can be ended by a flag, other calls are null. @throws SystemError once the interpreter ends.
  static void add(std::atomic<bool>* stop);
  static void remove(std::atomic<bool>* stop);

  /// Ends all jobs and waits for all calls, for at most a minute; later calls are refused. The GIL must be held.
  static void finish();
};

/// Releases the GIL for a call, and shields the library from the state of LibTorch in the calling thread: gradients are
/// on, inference mode and autocast are off, the default type is float32. All is restored at the end.
class NativeCall {
 public:
  explicit NativeCall(std::atomic<bool>* stop = nullptr);
  ~NativeCall();
  NativeCall(const NativeCall&) = delete;
  NativeCall& operator=(const NativeCall&) = delete;

 private:
  struct Registration {
    explicit Registration(std::atomic<bool>* given) : stop(given) { RunningCalls::add(stop); }
    ~Registration() { RunningCalls::remove(stop); }
    Registration(const Registration&) = delete;
    Registration& operator=(const Registration&) = delete;

    std::atomic<bool>* stop;
  };

  Registration registration_;  ///< outlives the next member: a call runs until it has the GIL again
  nb::gil_scoped_release release_;
  c10::InferenceMode inference_{false};
  c10::AutoGradMode gradients_{true};
  bool cpu_autocast_, cuda_autocast_;
  caffe2::TypeMeta default_type_;
};

/// Sets the number of LibTorch's threads, which belongs to the calling thread, and restores it. 0: leaves it, for a
/// call that may change it.
class ThreadsOfCall {
 public:
  explicit ThreadsOfCall(int64_t threads = 0);
  ~ThreadsOfCall();
  ThreadsOfCall(const ThreadsOfCall&) = delete;
  ThreadsOfCall& operator=(const ThreadsOfCall&) = delete;

 private:
  int before_;
};

}  // namespace monge::python
