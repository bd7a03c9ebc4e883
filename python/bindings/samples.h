// The data of a job: one side of a training or an evaluation, as Python gives it.
#pragma once

#include <nanobind/nanobind.h>

#include "monge/session/samples.h"

namespace monge::python {

namespace nb = nanobind;

/// None: the recipe's own path; a text: a path; a Source of this module. @throws nb::cast_error for anything else.
session::Samples samples_of(const nb::handle& data);

void bind_samples(nb::module_& m);

}  // namespace monge::python
