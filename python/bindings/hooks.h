// Receivers of messages, progress and metrics that are written in Python, as hooks of a job.
#pragma once

#include <nanobind/nanobind.h>

#include <exception>
#include <memory>
#include <optional>
#include <string_view>

#include "monge/session/training.h"
#include "python/bindings/native_call.h"

namespace monge::python {

namespace nb = nanobind;

/// The hooks of one job, which runs without the GIL.
///
/// They call these methods of a Python object, if it has them and is not None:
///
///     log(level, text)                 level is "info" or "warning"
///     progress(step, done, total)      at most every 0.05 s
///     iteration(done, total, metrics)  metrics: dict of the losses; each, or at most every 0.05 s unless the object's
///                                      every_iteration is true
///     evaluated(iteration, metrics)    dict of all metrics; a true result ends the training
///
/// They also let the main thread handle signals, so that Ctrl-C ends a job at its next safe point. An exception of a
/// callback, or KeyboardInterrupt, ends it the same way and is raised by `raise`.
///
/// A source may keep the hooks that it was opened with. After the destruction of this object they do nothing.
class JobHooks : public train::Observer {
 public:
  /// @param receiver  the Python object, or None. The GIL must be held, as in the destructor.
  explicit JobHooks(const nb::object& receiver);
  ~JobHooks() override;
  JobHooks(const JobHooks&) = delete;
  JobHooks& operator=(const JobHooks&) = delete;

  /// Hooks for a job. The observer among them is this object, which must outlive the job.
  session::TrainHooks hooks();

  /// Raises what ended the job, if it was an exception. The GIL must be held.
  void raise();

  /// Lets the main thread handle signals, as each callback does. Without the GIL.
  void check_signals();

  /// Ends the job at its next safe point when it is set.
  std::atomic<bool>* stop_flag();

  bool needs_nets(const train::Trainer&, int64_t) const override { return false; }
  void iteration_done(train::Trainer& trainer, int64_t done, const solve::IterationMetrics& metrics) override;

 private:
  struct State;

  std::shared_ptr<State> state_;
};

/// Runs `work(hooks, job)` without the GIL. What ended it in Python is raised before what the job itself threw.
template <class Work>
auto run_job(const nb::object& receiver, const Work& work) {
  JobHooks job(receiver);
  const auto hooks = job.hooks();
  using Result = decltype(work(hooks, job));
  std::optional<Result> out;
  std::exception_ptr thrown;
  {
    const NativeCall call(job.stop_flag());
    try {
      out.emplace(work(hooks, job));
    } catch (...) {
      thrown = std::current_exception();
    }
  }
  job.raise();
  if (thrown) std::rethrow_exception(thrown);
  return std::move(*out);
}

/// A text of the library for Python. Bytes that are not UTF-8, which names of files may hold, become lone surrogates,
/// as os.fsdecode makes them.
nb::object text_of(std::string_view bytes);

/// Evaluation as a dict: metrics by name, and samples, target_samples, reaches_target and verdict.
nb::dict metrics_of(const eval::Evaluation& evaluation);

}  // namespace monge::python
