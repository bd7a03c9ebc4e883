#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "monge/model/noise_inputs.h"
#include "monge/model/onnx_export.h"
#include "python/bindings/arrays.h"
#include "python/bindings/model.h"
#include "python/bindings/native_call.h"
#include "python/bindings/training.h"

namespace monge::python {
namespace {

/// The map itself, or the one of the mean noise.
model::Model chosen(const LockedModel& self, bool deterministic) {
  auto out = self.model.get();
  out.deterministic |= deterministic;
  return out;
}

}  // namespace

void bind_onnx(nb::module_& m) {
  m.def(
      "export_onnx",
      [](const LockedModel& self, const std::string& path, int64_t opset, bool float64, bool deterministic) {
        model::export_onnx(chosen(self, deterministic), path, {.opset = opset, .float64 = float64});
      },
      nb::arg("model"), nb::arg("path"), nb::arg("opset"), nb::arg("float64"), nb::arg("deterministic"),
      nb::call_guard<NativeCall>());
  m.def(
      "noise_inputs",
      [](const LockedModel& self, bool deterministic) {
        nb::list out;
        for (const auto& noise : model::noise_inputs(chosen(self, deterministic))) {
          out.append(nb::make_tuple(noise.name, noise.item_shape, noise.meaning));
        }
        return out;
      },
      nb::arg("model"), nb::arg("deterministic"));
  m.def(
      "outputs_for",
      [](const LockedModel& self, const Array& x, const std::vector<Array>& noises, bool deterministic) {
        const auto input = tensor_of(x);
        std::vector<torch::Tensor> draws;
        for (const auto& noise : noises) draws.push_back(tensor_of(noise));
        torch::Tensor y;
        {
          const NativeCall call;
          const std::lock_guard lock(*self.lock);
          const torch::NoGradGuard no_grad;
          y = model::outputs_for(chosen(self, deterministic), input, draws).contiguous();
        }
        return numpy_of(y);
      },
      nb::arg("model"), nb::arg("x"), nb::arg("noises"), nb::arg("deterministic"));
}

}  // namespace monge::python
