// Pretrained models for Python.
#include <nanobind/stl/string.h>

#include <chrono>
#include <future>

#include "monge/core/files.h"
#include "monge/model/model_index.h"
#include "monge/model/pretrained.h"
#include "python/bindings/hooks.h"
#include "python/bindings/model.h"

namespace monge::python {
namespace {

nb::list list_models(const std::string& folder, const nb::object& receiver) {
  const auto models = run_job(receiver, [&](const auto& hooks, auto&) {
    return model::pretrained_models(model::model_folders(folder), hooks.log);
  });
  nb::list out;
  for (const auto& model : models) {
    nb::dict entry;
    entry["name"] = model.name;
    entry["path"] = text_of(model.path.string());
    entry["bytes"] = model.bytes;
    entry["title"] = text_of(model.title);
    entry["licence"] = text_of(model.licence);
    out.append(entry);
  }
  return out;
}

nb::object fetch_model(const std::string& name, const std::string& url, const std::string& folder,
                       const nb::object& receiver) {
  const auto fetched = [&](const auto& hooks, const std::atomic<bool>* stop) {
    const auto place = model::folder_for_fetched_models(folder);
    const auto address = model::locate_model(name, url, {.stop = stop});
    if (!address) throw SystemError(name + ": stopped");
    make_writable_folder(place);
    const auto progress = hooks.progress_of("fetching " + address->name);
    const auto got = model::fetch_model(*address, place, {.progress = progress, .stop = stop});
    if (!got.complete) throw SystemError(name + ": stopped; what was fetched is kept for the next call");
    return model::model_path(place, address->name).string();
  };
  const auto path = run_job(receiver, [&](const auto& hooks, auto& job) {
    // In a thread of its own: a transfer may wait for its server for long, and signals are for the main thread.
    auto result = std::async(std::launch::async, [&] { return fetched(hooks, job.stop_flag()); });
    while (result.wait_for(std::chrono::milliseconds(100)) != std::future_status::ready) job.check_signals();
    return result.get();
  });
  return text_of(path);
}

}  // namespace

void bind_models(nb::module_& m) {
  m.def("is_model_name", [](const std::string& name) { return model::is_model_name(name); }, nb::arg("name"));
  m.def("list_models", &list_models, nb::arg("folder"), nb::arg("hooks").none());
  m.def("fetch_model", &fetch_model, nb::arg("name"), nb::arg("url"), nb::arg("folder"), nb::arg("hooks").none());
}

}  // namespace monge::python
