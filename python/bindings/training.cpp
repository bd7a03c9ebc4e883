#include "python/bindings/training.h"

#include <ATen/Context.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <mutex>

#include "monge/core/option_value.h"
#include "monge/session/truth.h"
#include "monge/solve/settings.h"
#include "python/bindings/arrays.h"
#include "python/bindings/hooks.h"
#include "python/bindings/model.h"
#include "python/bindings/native_call.h"
#include "python/bindings/samples.h"

namespace monge::python {
namespace {

/// Settings of the whole process that a training changes. They belong to the Python program, so the last training that
/// ends restores them; trainings may run in several threads.
class ProcessSettings {
 public:
  ProcessSettings() {
    const std::lock_guard lock(guard);
    if (users++ == 0) saved = read();
  }
  ~ProcessSettings() {
    const std::lock_guard lock(guard);
    if (--users > 0) return;
    auto& context = at::globalContext();
    context.setDeterministicAlgorithms(saved.deterministic, saved.warn_only);
    context.setDeterministicFillUninitializedMemory(saved.fill);
    context.setDeterministicMkldnn(saved.mkldnn);
    context.setDeterministicCuDNN(saved.cudnn);
    context.setBenchmarkCuDNN(saved.benchmark);
    context.setAllowTF32CuBLAS(saved.cublas_tf32);
    context.setAllowTF32CuDNN(saved.cudnn_tf32);
    solve::release_freed_memory();
  }
  ProcessSettings(const ProcessSettings&) = delete;
  ProcessSettings& operator=(const ProcessSettings&) = delete;

 private:
  struct Values {
    bool deterministic, warn_only, fill, mkldnn, cudnn, benchmark, cublas_tf32, cudnn_tf32;
  };
  static Values read() {
    auto& context = at::globalContext();
    return {context.deterministicAlgorithms(),
            context.deterministicAlgorithmsWarnOnly(),
            context.deterministicFillUninitializedMemory(),
            context.deterministicMkldnn(),
            context.deterministicCuDNN(),
            context.benchmarkCuDNN(),
            context.allowTF32CuBLAS(),
            context.allowTF32CuDNN()};
  }

  static inline std::mutex guard;
  static inline int users = 0;
  static inline Values saved{};
};

/// nanobind cannot hold a recipe whose option table is bound to its fields, so it holds a handle.
struct RecipeHandle {
  std::shared_ptr<train::Recipe> recipe = std::make_shared<train::Recipe>();
};

nb::object value_of(const Option& option) {
  return std::visit(
      [](const auto* field) -> nb::object {
        using Field = std::remove_const_t<std::remove_pointer_t<decltype(field)>>;
        if constexpr (std::is_same_v<Field, ImageSize> || std::is_same_v<Field, AutoNumber>) {
          return nb::none();
        } else {
          return nb::cast(*field);
        }
      },
      option.field);
}

/// The value of an option; sizes and numbers that may be "auto" as they stand in TOML.
nb::object python_value(const Option& option) {
  auto value = value_of(option);
  if (!value.is_none()) return value;
  const auto text = OptionTable::to_toml(option);
  const auto parsed = train::toml_value(text);
  if (!parsed) return nb::cast(text);
  return std::visit([](const auto& v) -> nb::object { return nb::cast(v); }, *parsed);
}

nb::list option_rows(const RecipeHandle& self) {
  nb::list out;
  const auto table = self.recipe->options();
  for (const auto& option : table.options()) {
    nb::dict row;
    row["key"] = option.key;
    row["value"] = python_value(option);
    row["help"] = option.help;
    row["unit"] = option.unit;
    row["choices"] = option.choices;
    out.append(row);
  }
  return out;
}

/// A training that has ended. All its models share one lock, because they share the net.
struct RunHandle {
  explicit RunHandle(session::Session ended) : session(std::move(ended)), model{session.model()} {}

  session::Session session;
  LockedModel model;
};

nb::object metrics_or_none(const std::optional<eval::Evaluation>& evaluation) {
  if (!evaluation) return nb::none();
  return metrics_of(*evaluation);
}

template <class Train>
RunHandle run_training(const nb::object& receiver, const Train& train) {
  return run_job(receiver, [&](const session::TrainHooks& hooks, JobHooks&) {
    const ProcessSettings settings;
    const ThreadsOfCall threads;
    session::Session::Options options;
    options.hooks = hooks;
    return RunHandle(train(options));
  });
}

RunHandle train(const RecipeHandle& recipe, const nb::object& source, const nb::object& target, const std::string& out,
                const std::string& device, int64_t threads, const nb::object& receiver) {
  const auto x = samples_of(source), y = samples_of(target);
  return run_training(receiver, [&](session::Session::Options& options) {
    options.out = out;
    options.compute.device = device;
    options.compute.threads = threads;
    return session::Session::train(*recipe.recipe, x, y, options);
  });
}

RunHandle resume(const std::string& folder, const std::vector<std::string>& assignments, const nb::object& source,
                 const nb::object& target, const std::string& device, int64_t threads, const nb::object& receiver) {
  const auto x = samples_of(source), y = samples_of(target);
  return run_training(receiver, [&](session::Session::Options& options) {
    options.compute.device = device;
    options.compute.threads = threads;
    return session::Session::resume(folder, assignments, x, y, options);
  });
}

nb::dict truth(const std::string& name, const eval::TruthOptions& case_options,
               const std::vector<std::string>& assignments, int64_t seed, const std::string& device, int64_t threads,
               const nb::object& receiver) {
  std::string method;
  int64_t dim = 0;
  const auto result = run_job(receiver, [&](const session::TrainHooks& hooks, JobHooks& job) {
    const ProcessSettings settings;
    const ThreadsOfCall threads_of_call;
    const session::Compute compute{.device = device, .threads = threads};
    auto truth_case = session::truth_case(name, case_options, assignments, compute, hooks.log);
    method = truth_case.recipe.method;
    dim = truth_case.dim;
    return session::truth(std::move(truth_case), seed, compute, hooks, &job);
  });
  nb::dict out;
  out["case"] = name;
  out["dim"] = dim;
  out["method"] = method;
  out["seed"] = seed;
  for (const auto& [key, value] : result.score.named()) out[key.c_str()] = value;
  out["points"] = result.score.points;
  out["branch"] = result.score.branch;
  out["x"] = numpy_of(result.x.contiguous());
  out["y"] = numpy_of(result.y.contiguous());
  out["target"] = numpy_of(result.target.contiguous());
  return out;
}

}  // namespace

void bind_training(nb::module_& m) {
  nb::class_<RecipeHandle>(m, "Recipe", "Every option of a training.")
      .def(nb::init<>())
      .def_static(
          "from_file",
          [](const std::string& path, const std::vector<std::string>& assignments) {
            return RecipeHandle{std::make_shared<train::Recipe>(train::read_recipe(path, assignments))};
          },
          nb::arg("path"), nb::arg("assignments"))
      .def_static(
          "from_toml",
          [](const std::string& text, const std::vector<std::string>& assignments) {
            return RecipeHandle{std::make_shared<train::Recipe>(train::parse_recipe(text, "recipe", assignments))};
          },
          nb::arg("text"), nb::arg("assignments"))
      .def(
          "assign",
          [](RecipeHandle& self, const std::vector<std::string>& assignments) {
            train::assign(*self.recipe, assignments);
          },
          nb::arg("assignments"))
      .def("validate", [](const RecipeHandle& self) { train::validate(*self.recipe); })
      .def("copy", [](const RecipeHandle& self) { return RecipeHandle{std::make_shared<train::Recipe>(*self.recipe)}; })
      .def(
          "to_toml", [](const RecipeHandle& self, bool commented) { return self.recipe->options().to_toml(commented); },
          nb::arg("commented") = false)
      .def("option_rows", &option_rows);
  nb::class_<RunHandle>(m, "Training", "A training that has ended.")
      .def("model", [](const RunHandle& self) { return self.model; })
      .def_prop_ro("folder", [](const RunHandle& self) { return text_of(self.session.folder().string()); })
      .def_prop_ro("complete", [](const RunHandle& self) { return self.session.complete(); })
      .def_prop_ro("iterations", [](const RunHandle& self) { return self.session.result().iterations; })
      .def_prop_ro("seconds", [](const RunHandle& self) { return self.session.result().seconds; })
      .def_prop_ro("metrics", [](const RunHandle& self) { return metrics_or_none(self.session.evaluation()); })
      .def_prop_ro("summary_json", [](const RunHandle& self) { return text_of(self.session.result().summary_json); });
  m.def("train", &train, nb::arg("recipe"), nb::arg("source").none(), nb::arg("target").none(), nb::arg("out"),
        nb::arg("device"), nb::arg("threads"), nb::arg("hooks").none());
  m.def("resume", &resume, nb::arg("folder"), nb::arg("assignments"), nb::arg("source").none(),
        nb::arg("target").none(), nb::arg("device"), nb::arg("threads"), nb::arg("hooks").none());
  m.def("truth_names", &eval::truth_names);
  m.def(
      "truth",
      [](const std::string& name, int64_t dim, const std::string& method, const std::string& pair, double epsilon,
         bool quick, const std::vector<std::string>& assignments, int64_t seed, const std::string& device,
         int64_t threads, const nb::object& receiver) {
        return truth(name, {.dim = dim, .method = method, .pair = pair, .epsilon = epsilon, .quick = quick},
                     assignments, seed, device, threads, receiver);
      },
      nb::arg("name"), nb::arg("dim"), nb::arg("method"), nb::arg("pair"), nb::arg("epsilon"), nb::arg("quick"),
      nb::arg("assignments"), nb::arg("seed"), nb::arg("device"), nb::arg("threads"), nb::arg("hooks").none());
}

}  // namespace monge::python
