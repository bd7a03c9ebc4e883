// The extension module monge._monge: the session and model of the library. monge/*.py is its public face.
#include <ATen/Parallel.h>
#include <c10/util/Exception.h>
#include <nanobind/nanobind.h>

#include "monge/core/error.h"
#include "monge/core/user_words.h"
#include "monge/core/version.h"
#include "monge/data/source_kinds.h"
#include "python/bindings/hooks.h"
#include "python/bindings/model.h"
#include "python/bindings/native_call.h"
#include "python/bindings/samples.h"
#include "python/bindings/training.h"

namespace monge::python {
namespace {

/// Raises an exception of monge._errors with the parts of the complaint as attributes.
void raise(const char* type, const Error& error) {
  const auto errors = nb::module_::import_("monge._errors");
  const auto& c = error.complaint();
  const auto exception = errors.attr(type)(text_of(error.what()), text_of(c.what), text_of(c.where), text_of(c.value),
                                           text_of(c.allowed), text_of(c.fix));
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

/// What Python calls the options and functions that messages name.
void install_user_words() {
  set_user_words({
      {"EvaluateOptions::features", "features"},
      {"EvaluateOptions::mode", "mode"},
      {"EvaluateOptions::samples", "samples"},
      {"EvaluateOptions::source", "source"},
      {"EvaluateOptions::target", "target"},
      {"EvaluateOptions::truth", "truth"},
      {"ImageOptions::on_error = \"skip\"", "on_error=\"skip\""},
      {"OnnxOptions::float64", "float64"},
      {"PackOptions::encoded", "encoded"},
      {"PackOptions::on_error = \"skip\"", "on_error=\"skip\""},
      {"PackOptions::select", "select"},
      {"PackOptions::split", "split"},
      {"PackOptions::split_by", "split_by"},
      {"TranslateOptions::batch", "batch"},
      {"TranslateOptions::bits", "bits"},
      {"TranslateOptions::deterministic", "deterministic"},
      {"TranslateOptions::grid", "grid"},
      {"TranslateOptions::noise", "noise"},
      {"TranslateOptions::noise_scale", "noise_scale"},
      {"TranslateOptions::samples", "samples"},
      {"TranslateOptions::seed", "seed"},
      {"TranslateOptions::size", "size"},
      {"TranslateOptions::steps", "steps"},
      {"TranslateOptions::t", "t"},
      {"TranslateOptions::tile", "tile"},
      {"TranslateOptions::weights", "weights"},
      {"TruthOptions::dim", "dim"},
      {"TruthOptions::method", "method"},
      {"TruthOptions::pair", "pair"},
      {"TruthOptions::epsilon", "epsilon"},
      {"assignment", "option"},
      {"data::check_table()", "monge.data.check()"},
      {"data::pack()", "monge.data.pack()"},
      {"eval::fetch_weights()", "monge weights fetch"},
      {"eval::kernel_distance()", "monge.metrics.kid()"},
      {"eval::weights_folders(folder)", "weights"},
      {"eval::write_statistics()", "monge stats"},
      {"eval::write_statistics() of a sweep with keep_features", "monge stats --with-features"},
      {"eval::known_weights()", "monge weights list"},
      {"in folder", "weights"},
      {"model::export_safetensors()", "Model.save()"},
      {"model::export_torch()", "Model.save_state_dict()"},
      {"model::folder_for_fetched_models(folder)", "folder"},
      {"model::locate_model(index_url)", "url"},
      {"model::pretrained_models()", "monge.models.list()"},
      {"model::write_model_index()", "monge models index"},
      {"output folder", "out"},
      {"session::resume()", "monge.resume()"},
      {"session::train()", "monge.train()"},
      {"session::translate()", "Model.translate_files()"},
      {"the device of the caller", "device"},
  });
}

}  // namespace
}  // namespace monge::python

NB_MODULE(_monge, m) {
  namespace python = monge::python;
  nanobind::set_leak_warnings(false);  // objects that a thread holds when the interpreter ends are no fault
  nanobind::register_exception_translator(python::translate_exception);
  python::install_user_words();
  m.def("version", &monge::version);
  m.def("source_help", &monge::data::source_help);
  // OpenMP's threads do not survive a fork, and a child that waits for them hangs.
  m.def("use_one_thread", [] { at::set_num_threads(1); });
  m.def("finish_calls", &python::RunningCalls::finish);
  python::bind_samples(m);
  python::bind_model(m);
  python::bind_models(m);
  python::bind_training(m);
  python::bind_metrics(m);
  python::bind_onnx(m);
}
