#include "python/bindings/model.h"

#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "monge/session/model_card.h"
#include "python/bindings/arrays.h"
#include "python/bindings/hooks.h"
#include "python/bindings/native_call.h"
#include "python/bindings/samples.h"

namespace monge::python {
namespace {

LockedModel load(const std::string& path, const std::string& device, const nb::object& receiver) {
  return run_job(receiver, [&](const auto& hooks, auto&) {
    return LockedModel{session::Model::load(path, {.device = device}, hooks)};
  });
}

/// @param as_tensor  whether to return a tensor of PyTorch, on the device where the library left it, or a NumPy array.
nb::object translate_array(const LockedModel& self, const DeviceArray& array, const session::TranslateOptions& options,
                           int64_t threads, bool as_tensor, const nb::object& receiver) {
  const auto x = tensor_of(array);
  const auto y = run_job(receiver, [&](const auto& hooks, auto&) {
    const std::lock_guard lock(*self.lock);
    const ThreadsOfCall threads_of_call(threads);
    const auto out = self.model.translate(x, options, hooks);
    return out.defined() ? out.contiguous() : out;
  });
  if (!y.defined()) throw SystemError("the translation was stopped");
  return as_tensor ? torch_of(y) : numpy_of(y);
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

nb::dict evaluate(const LockedModel& self, const nb::object& source, const nb::object& target,
                  session::EvaluateOptions options, int64_t threads, const nb::object& receiver) {
  options.source = samples_of(source);
  options.target = samples_of(target);
  const auto result = run_job(receiver, [&](const auto& hooks, auto&) {
    const std::lock_guard lock(*self.lock);
    const ThreadsOfCall threads_of_call(threads);
    return self.model.evaluate(options, {}, hooks);
  });
  if (!result.complete) throw SystemError("the evaluation was stopped");
  auto out = metrics_of(result.evaluation);
  for (const auto& [key, value] : result.protocol) out[key.c_str()] = value;
  return out;
}

nb::object card(const LockedModel& self) {
  std::string json;
  {
    const NativeCall call;
    json = self.model.card();
  }
  return text_of(json);
}

/// The PNG file of the model's inputs and outputs; empty if there is none.
nb::bytes sample_image(const LockedModel& self) {
  std::string png;
  {
    const NativeCall call;
    if (const auto evaluation = session::evaluation_of(self.model.get())) png = evaluation->image;
  }
  return nb::bytes(png.data(), png.size());
}

}  // namespace

void bind_model(nb::module_& m) {
  using session::EvaluateOptions;
  using session::TranslateOptions;
  nb::class_<TranslateOptions>(m, "TranslateOptions")
      .def(nb::init<>())
      .def_rw("samples", &TranslateOptions::samples)
      .def_rw("seed", &TranslateOptions::seed)
      .def_rw("deterministic", &TranslateOptions::deterministic)
      .def_rw("noise_scale", &TranslateOptions::noise_scale)
      .def_rw("t", &TranslateOptions::t, nb::arg().none())
      .def_rw("steps", &TranslateOptions::steps)
      .def_rw("batch", &TranslateOptions::batch)
      .def_rw("range", &TranslateOptions::range)
      .def_rw("size", &TranslateOptions::size)
      .def_rw("tile", &TranslateOptions::tile)
      .def_rw("noise", &TranslateOptions::noise)
      .def_rw("bits", &TranslateOptions::bits)
      .def_rw("on_error", &TranslateOptions::on_error)
      .def_rw("grid", &TranslateOptions::grid)
      .def_rw("weights", &TranslateOptions::weights);
  nb::class_<EvaluateOptions>(m, "EvaluateOptions")
      .def(nb::init<>())
      .def_rw("truth", &EvaluateOptions::truth)
      .def_rw("samples", &EvaluateOptions::samples)
      .def_rw("seed", &EvaluateOptions::seed)
      .def_rw("features", &EvaluateOptions::features)
      .def_rw("mode", &EvaluateOptions::mode)
      .def_rw("lpips", &EvaluateOptions::lpips)
      .def_rw("weights", &EvaluateOptions::weights)
      .def_rw("on_error", &EvaluateOptions::on_error);
  nb::class_<LockedModel>(m, "Model", "A trained map. Copies share the net.")
      .def_static("load", &load, nb::arg("path"), nb::arg("device"), nb::arg("hooks").none())
      .def("translate_array", &translate_array, nb::arg("array"), nb::arg("options"), nb::arg("threads"),
           nb::arg("as_tensor"), nb::arg("hooks").none())
      .def("translate_files", &translate_files, nb::arg("source"), nb::arg("out"), nb::arg("options"),
           nb::arg("threads"), nb::arg("hooks").none())
      .def("evaluate", &evaluate, nb::arg("source").none(), nb::arg("target").none(), nb::arg("options"),
           nb::arg("threads"), nb::arg("hooks").none())
      .def("inverse", [](const LockedModel& self) { return LockedModel{self.model.inverse(), self.lock}; })
      .def(
          "save",
          [](const LockedModel& self, const std::string& path, const std::vector<std::string>& assignments) {
            self.model.save(path, assignments);
          },
          nb::arg("path"), nb::arg("assignments"), nb::call_guard<NativeCall>())
      .def("card", &card)
      .def("sample_image", &sample_image)
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
