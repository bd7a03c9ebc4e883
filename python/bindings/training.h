// The functions that bind trainings, metrics and the export to ONNX.
#pragma once

#include <nanobind/nanobind.h>

namespace monge::python {

void bind_training(nanobind::module_& m);
void bind_metrics(nanobind::module_& m);
void bind_onnx(nanobind::module_& m);

}  // namespace monge::python
