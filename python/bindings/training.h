// Recipes, trainings and cases with a known answer for Python.
#pragma once

#include <nanobind/nanobind.h>

namespace monge::python {

void bind_training(nanobind::module_& m);
void bind_metrics(nanobind::module_& m);

}  // namespace monge::python
