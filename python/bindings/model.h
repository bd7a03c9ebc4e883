// A trained map for Python.
#pragma once

#include <nanobind/nanobind.h>

#include <memory>
#include <mutex>

#include "monge/session/session.h"

namespace monge::python {

namespace nb = nanobind;

/// A model and the lock of its nets, which two threads of Python must not use at once. Models that share nets (a map
/// and its inverse) share the lock. It is recursive, because a callback of a job may use the model of the job.
struct LockedModel {
  session::Model model;
  std::shared_ptr<std::recursive_mutex> lock = std::make_shared<std::recursive_mutex>();
};

void bind_model(nb::module_& m);
void bind_models(nb::module_& m);

}  // namespace monge::python
