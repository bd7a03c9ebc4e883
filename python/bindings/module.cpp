// The extension module monge._monge: the session and model of the library. monge/*.py is its public face.
#include <c10/util/Exception.h>
#include <nanobind/nanobind.h>

#include "monge/core/error.h"
#include "monge/core/version.h"
#include "monge/data/source_kinds.h"
#include "python/bindings/model.h"
#include "python/bindings/samples.h"
#include "python/bindings/training.h"

namespace monge::python {
namespace {

/// Raises an exception of monge._errors with the parts of the complaint as attributes.
void raise(const char* type, const Error& error) {
  const auto errors = nb::module_::import_("monge._errors");
  const auto& c = error.complaint();
  const auto text = [](const std::string& bytes) {
    return nb::steal(PyUnicode_DecodeUTF8(bytes.data(), static_cast<Py_ssize_t>(bytes.size()), "replace"));
  };
  const auto exception =
      errors.attr(type)(text(error.what()), text(c.what), text(c.where), text(c.value), text(c.allowed), text(c.fix));
  PyErr_SetObject(exception.type().ptr(), exception.ptr());
}

void translate_exception(const std::exception_ptr& pointer, void*) {
  try {
    std::rethrow_exception(pointer);
  } catch (const InputError& error) {
    raise("InputError", error);
  } catch (const SystemError& error) {
    raise("SystemError", error);
  } catch (const DivergedError& error) {
    raise("DivergedError", error);
  } catch (const Error& error) {
    raise("Error", error);
  } catch (const c10::Error& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what_without_backtrace());
  }
}

}  // namespace
}  // namespace monge::python

NB_MODULE(_monge, m) {
  namespace python = monge::python;
  nanobind::register_exception_translator(python::translate_exception);
  m.def("version", &monge::version);
  m.def("source_help", &monge::data::source_help);
  python::bind_samples(m);
  python::bind_model(m);
  python::bind_training(m);
  python::bind_metrics(m);
  python::bind_onnx(m);
}
