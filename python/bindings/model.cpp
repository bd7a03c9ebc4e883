#include "python/bindings/model.h"

#include <ATen/Parallel.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "python/bindings/arrays.h"
#include "python/bindings/hooks.h"
#include "python/bindings/native_call.h"
#include "python/bindings/samples.h"

namespace monge::python {
namespace {

/// Sets LibTorch's threads for a call, if a number is given, and restores them.
class ThreadsOfCall {
 public:
  explicit ThreadsOfCall(int64_t threads) : before_(at::get_num_threads()), changes_(threads > 0) {
    if (changes_) at::set_num_threads(static_cast<int>(threads));
  }
  ~ThreadsOfCall() {
    if (changes_) at::set_num_threads(before_);
  }
  ThreadsOfCall(const ThreadsOfCall&) = delete;
  ThreadsOfCall& operator=(const ThreadsOfCall&) = delete;

 private:
  int before_;
  bool changes_;
};

LockedModel load(const std::string& path, const std::string& device, const nb::object& receiver) {
  return run_job(receiver, [&](const auto& hooks, auto&) {
    return LockedModel{session::Model::load(path, {.device = device}, hooks)};
  });
}

nb::object translate_array(const LockedModel& self, const Array& array, const session::TranslateOptions& options,
                           int64_t threads) {
  const auto x = tensor_of(array);
  torch::Tensor y;
  {
    const NativeCall call;
    const std::lock_guard lock(*self.lock);
    const ThreadsOfCall threads_of_call(threads);
    y = self.model.translate(x, options).contiguous();
  }
  return numpy_of(y);
}

nb::dict translate_files(const LockedModel& self, const std::string& in, const std::string& out,
                         const session::TranslateOptions& options, int64_t threads, const nb::object& receiver) {
  const auto result = run_job(receiver, [&](const auto& hooks, auto&) {
    const std::lock_guard lock(*self.lock);
    const ThreadsOfCall threads_of_call(threads);
    return self.model.translate(in, out, options, {}, hooks);
  });
  nb::dict o;
  o["complete"] = result.complete;
  o["items"] = result.items;
  o["samples"] = result.samples;
  o["replaced"] = result.replaced;
  o["left_out"] = result.left_out;
  o["clamped"] = result.clamped;
  o["not_finite"] = result.not_finite;
  o["mean_weight"] = result.mean_weight;
  return o;
}

nb::dict evaluate(const LockedModel& self, const nb::object& source, const nb::object& target, int64_t samples,
                  int64_t seed, const std::string& features, const std::string& mode, const std::string& lpips,
                  const std::string& weights, const std::string& truth, const std::string& on_error, int64_t threads,
                  const nb::object& receiver) {
  session::EvaluateOptions options{.source = samples_of(source),
                                   .target = samples_of(target),
                                   .truth = truth,
                                   .samples = samples,
                                   .seed = seed,
                                   .features = features,
                                   .mode = mode,
                                   .lpips = lpips,
                                   .weights = weights,
                                   .on_error = on_error};
  const auto result = run_job(receiver, [&](const auto& hooks, auto&) {
    const std::lock_guard lock(*self.lock);
    const ThreadsOfCall threads_of_call(threads);
    return self.model.evaluate(options, {}, hooks);
  });
  auto out = metrics_of(result.evaluation);
  for (const auto& [key, value] : result.protocol) out[key.c_str()] = value;
  return out;
}

session::TranslateOptions translate_options(int64_t samples, int64_t seed, bool deterministic, std::optional<double> t,
                                            int64_t steps, int64_t batch, const std::string& range,
                                            const std::string& size, int64_t tile, const std::string& noise) {
  return {.samples = samples,
          .deterministic = deterministic,
          .seed = seed,
          .t = t,
          .steps = steps,
          .batch = batch,
          .range = range,
          .size = size,
          .tile = tile,
          .noise = noise};
}

}  // namespace

void bind_model(nb::module_& m) {
  nb::class_<session::TranslateOptions>(m, "TranslateOptions")
      .def(
          "__init__",
          [](session::TranslateOptions* self, int64_t samples, int64_t seed, bool deterministic,
             std::optional<double> t, int64_t steps, int64_t batch, const std::string& range, const std::string& size,
             int64_t tile, const std::string& noise, const std::string& bits, const std::string& on_error,
             const std::string& grid, const std::string& weights) {
            auto options = translate_options(samples, seed, deterministic, t, steps, batch, range, size, tile, noise);
            options.bits = bits;
            options.on_error = on_error;
            options.grid = grid;
            options.weights = weights;
            new (self) session::TranslateOptions(std::move(options));
          },
          nb::kw_only(), nb::arg("samples") = 1, nb::arg("seed") = 0, nb::arg("deterministic") = false,
          nb::arg("t") = nb::none(), nb::arg("steps") = 0, nb::arg("batch") = 0, nb::arg("range") = "",
          nb::arg("size") = "", nb::arg("tile") = 0, nb::arg("noise") = "item", nb::arg("bits") = "auto",
          nb::arg("on_error") = "", nb::arg("grid") = "", nb::arg("weights") = "");
  nb::class_<LockedModel>(m, "Model", "A trained map. Copies share the net.")
      .def_static("load", &load, nb::arg("path"), nb::arg("device"), nb::arg("hooks").none())
      .def("translate_array", &translate_array, nb::arg("array"), nb::arg("options"), nb::arg("threads"))
      .def("translate_files", &translate_files, nb::arg("source"), nb::arg("out"), nb::arg("options"),
           nb::arg("threads"), nb::arg("hooks").none())
      .def("evaluate", &evaluate, nb::arg("source").none(), nb::arg("target").none(), nb::arg("samples"),
           nb::arg("seed"), nb::arg("features"), nb::arg("mode"), nb::arg("lpips"), nb::arg("weights"),
           nb::arg("truth"), nb::arg("on_error"), nb::arg("threads"), nb::arg("hooks").none())
      .def("inverse", [](const LockedModel& self) { return LockedModel{self.model.inverse(), self.lock}; })
      .def(
          "save", [](const LockedModel& self, const std::string& path) { self.model.save(path); }, nb::arg("path"),
          nb::call_guard<NativeCall>())
      .def(
          "save_state_dict",
          [](const LockedModel& self, const std::string& path) { model::export_torch(self.model.get(), path); },
          nb::arg("path"), nb::call_guard<NativeCall>())
      .def_prop_ro("origin", [](const LockedModel& self) { return text_of(self.model.get().origin); })
      .def(
          "set_origin",
          [](LockedModel& self, const std::string& origin) {
            auto model = self.model.get();
            model.origin = origin;
            self.model = session::Model(std::move(model));
          },
          nb::arg("origin"))
      .def_prop_ro("item_shape", [](const LockedModel& self) { return self.model.get().item_shape; })
      .def_prop_ro("iteration", [](const LockedModel& self) { return self.model.get().iteration; })
      .def_prop_ro("stochastic", [](const LockedModel& self) { return self.model.get().stochastic(); })
      .def_prop_ro("reversed", [](const LockedModel& self) { return self.model.get().reversed; })
      .def_prop_ro("has_inverse", [](const LockedModel& self) { return self.model.get().inverse_net != nullptr; })
      .def_prop_ro("device", [](const LockedModel& self) { return self.model.get().device.str(); })
      .def_prop_ro("source_columns", [](const LockedModel& self) { return self.model.get().columns.source; })
      .def_prop_ro("output_columns", [](const LockedModel& self) { return self.model.get().output_columns(); })
      .def_prop_ro("parameters", [](const LockedModel& self) { return nn::parameter_count(*self.model.get().net); })
      .def_prop_ro("recipe_toml", [](const LockedModel& self) -> std::optional<std::string> {
        const auto& recipe = self.model.get().recipe;
        if (!recipe) return std::nullopt;
        return train::Recipe(*recipe).options().to_toml(false);
      });
}

}  // namespace monge::python
