#include "python/bindings/hooks.h"

#include <nanobind/stl/string.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <utility>

#include "monge/session/summary.h"
#include "monge/train/trainer.h"

namespace monge::python {
namespace {

nb::object method_of(const nb::object& receiver, const char* name) {
  return receiver.is_none() || !nb::hasattr(receiver, name) ? nb::none() : nb::object(receiver.attr(name));
}

}  // namespace

/// What the hooks share. The Python objects are read and dropped with the GIL held.
struct JobHooks::State {
  using Clock = std::chrono::steady_clock;

  nb::object log, progress, iteration, evaluated;
  bool every_iteration = false;

  /// A source may be the last to hold it, and may be destroyed by any thread.
  ~State() {
    const nb::gil_scoped_acquire gil;
    for (auto* object : {&log, &progress, &iteration, &evaluated}) object->reset();
  }

  bool closed = false;  ///< whether the JobHooks are gone; read and written with the GIL held
  std::atomic<bool> stop{false};
  std::mutex guard;  ///< of the members below
  Clock::time_point last{};
  std::exception_ptr error;

  bool is_due() {
    constexpr std::chrono::milliseconds kInterval{50};
    const std::lock_guard lock(guard);
    const auto now = Clock::now();
    if (now - last < kInterval) return false;
    last = now;
    return true;
  }

  /// Lets signals be handled and calls `work`, with the GIL. Hooks must not throw, so an exception is kept.
  template <class Work>
  void with_python(const Work& work) {
    const nb::gil_scoped_acquire gil;
    if (closed) return;
    try {
      if (PyErr_CheckSignals() != 0) throw nb::python_error();
      work();
    } catch (...) {
      const std::lock_guard lock(guard);
      if (!error) error = std::current_exception();
      stop = true;
    }
  }
};

JobHooks::JobHooks(const nb::object& receiver) : state_(std::make_shared<State>()) {
  state_->log = method_of(receiver, "log");
  state_->progress = method_of(receiver, "progress");
  state_->iteration = method_of(receiver, "iteration");
  state_->evaluated = method_of(receiver, "evaluated");
  const auto every = method_of(receiver, "every_iteration");
  state_->every_iteration = !every.is_none() && nb::cast<bool>(every);
}

JobHooks::~JobHooks() {
  state_->closed = true;
  state_->error = nullptr;
}

session::TrainHooks JobHooks::hooks() {
  session::TrainHooks out;
  out.stop = &state_->stop;
  out.observers = {this};
  out.log = [state = state_](LogLevel level, const std::string& text) {
    state->with_python([&] {
      if (!state->log.is_none()) state->log(level == LogLevel::warning ? "warning" : "info", text_of(text));
    });
  };
  out.progress = [state = state_](const std::string& step, int64_t done, int64_t total) {
    if (!state->is_due() && done != total) return;
    state->with_python([&] {
      if (!state->progress.is_none()) state->progress(text_of(step), done, total);
    });
  };
  out.evaluated = [state = state_](int64_t iteration, const eval::Evaluation& evaluation) {
    state->with_python([&] {
      if (state->evaluated.is_none()) return;
      if (nb::cast<bool>(nb::bool_(state->evaluated(iteration, metrics_of(evaluation))))) state->stop = true;
    });
  };
  return out;
}

void JobHooks::iteration_done(train::Trainer& trainer, int64_t done, const solve::IterationMetrics& m) {
  const int64_t total = trainer.recipe().train.iterations;
  const bool is_wanted = state_->every_iteration;
  if (!state_->is_due() && !is_wanted && done != total) return;
  state_->with_python([&] {
    if (state_->iteration.is_none()) return;
    nb::dict metrics;
    metrics["loss_map"] = m.loss_map;
    metrics["loss_potential"] = m.loss_potential;
    metrics["cost"] = m.cost;
    state_->iteration(done, total, metrics);
  });
}

void JobHooks::check_signals() {
  state_->with_python([] {});
}

std::atomic<bool>* JobHooks::stop_flag() { return &state_->stop; }

void JobHooks::raise() {
  if (const auto error = std::exchange(state_->error, nullptr)) std::rethrow_exception(error);
}

nb::object text_of(std::string_view bytes) {
  return nb::steal(PyUnicode_DecodeUTF8(bytes.data(), static_cast<Py_ssize_t>(bytes.size()), "surrogateescape"));
}

nb::dict metrics_of(const eval::Evaluation& evaluation) {
  nb::dict out;
  out["samples"] = evaluation.samples;
  out["target_samples"] = evaluation.target_samples;
  for (const auto& [name, value] : evaluation.named()) out[name.c_str()] = value;
  const auto reached = session::reaches_target(evaluation);
  out["reaches_target"] = reached.is_null() ? nb::object(nb::none()) : nb::object(nb::bool_(reached.get<bool>()));
  out["verdict"] = "the map " + evaluation.verdict();
  return out;
}

}  // namespace monge::python
