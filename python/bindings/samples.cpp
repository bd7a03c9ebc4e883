#include "python/bindings/samples.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <atomic>

#include "monge/core/error.h"
#include "monge/data/arrays.h"
#include "monge/data/check.h"
#include "monge/data/check_table.h"
#include "monge/data/open.h"
#include "monge/data/pack.h"
#include "monge/session/check_report.h"
#include "monge/train/training_data.h"
#include "python/bindings/arrays.h"
#include "python/bindings/hooks.h"
#include "python/bindings/native_call.h"

namespace monge::python {
namespace {

/// A handle of a source, which nanobind can hold although sources are const.
struct SourceHandle {
  std::shared_ptr<const data::Source> source;

  const data::Source& get() const { return *source; }
};

SourceHandle source_of_array(const std::string& name, const Array& array, std::vector<std::string> columns,
                             const nb::object& receiver) {
  const auto tensor = tensor_of(array);
  return run_job(receiver, [&](const auto& hooks, auto&) {
    io::TableNames names;
    names.columns = std::move(columns);
    io::Table table{.values = tensor.contiguous(), .names = std::move(names), .reading = {}};
    return SourceHandle{data::table_source(name, std::move(table), hooks.log)};
  });
}

SourceHandle open_source(const std::string& path, const std::vector<std::string>& assignments,
                         const nb::object& receiver) {
  return run_job(receiver, [&](const auto& hooks, auto&) {
    train::Recipe recipe;
    recipe.source.path = path;
    recipe.data.cache_mb = 0;  // decoded at each use: a data set that is only looked at needs no cache
    train::assign(recipe, assignments);
    return SourceHandle{data::open_source(train::source_options(recipe.source, recipe), hooks.log,
                                          hooks.progress_of("reading images"))};
  });
}

std::string check(const std::string& path, const std::string& against, bool strict, const nb::object& receiver) {
  return run_job(receiver, [&](const auto& hooks, auto&) {
    const auto progress = hooks.progress_of("checking");
    if (data::names_table(path)) {
      const auto report = data::check_table(path, against, progress, hooks.stop_flag());
      return session::report_json(report, session::passes(report, strict));
    }
    data::require_images(path);
    if (!against.empty()) data::require_images(against);
    const auto report = data::check_images(path, against, hooks.log, progress, hooks.stop_flag());
    return session::report_json(report, session::passes(report, strict));
  });
}

nb::list pack(const std::string& source, const std::string& destination, const data::PackOptions& options,
              const nb::object& receiver) {
  const auto result = run_job(receiver, [&](const auto& hooks, auto&) {
    return data::pack(source, destination, options, hooks.log, hooks.progress_of("packing"), hooks.stop_flag());
  });
  nb::list out;
  for (const auto& part : result.parts) {
    nb::dict one;
    one["folder"] = text_of(part.folder.string());
    one["state"] = part.was_there ? "there" : "packed";
    one["images"] = part.images;
    one["found"] = result.found;
    one["selected"] = result.selected;
    nb::list left_out;
    for (const auto& line : part.left_out) left_out.append(text_of(line));
    one["left_out"] = left_out;
    one["shards"] = part.shards;
    one["resumed"] = part.resumed;
    one["bytes"] = part.bytes;
    out.append(one);
  }
  return out;
}

}  // namespace

session::Samples samples_of(const nb::handle& data) {
  if (data.is_none()) return {};
  if (nb::isinstance<nb::str>(data)) return nb::cast<std::string>(data);
  return nb::cast<SourceHandle>(data).source;
}

void bind_samples(nb::module_& m) {
  nb::class_<SourceHandle>(m, "Source", "A distribution known by samples: a file, a folder, an array or a law.")
      .def_prop_ro("name", [](const SourceHandle& s) { return text_of(s.get().name()); })
      .def_prop_ro(
          "item_shape", [](const SourceHandle& s) { return s.get().item_shape(); }, "[C, H, W] or [D]")
      .def_prop_ro(
          "size", [](const SourceHandle& s) { return s.get().size(); }, "Number of items; 0: endless")
      .def_prop_ro(
          "columns", [](const SourceHandle& s) { return s.get().table_names().columns; },
          "Names of the columns of a table, or []")
      .def_prop_ro(
          "row_names", [](const SourceHandle& s) { return s.get().table_names().rows; },
          "Names of the rows of a table, or []")
      .def(
          "item_name", [](const SourceHandle& s, int64_t index) { return text_of(s.get().item_name(index)); },
          nb::arg("index"))
      .def(
          "items",
          [](const SourceHandle& s, const std::vector<int64_t>& indices) {
            torch::Tensor out;
            {
              const NativeCall call;
              out = s.get().items(indices);
            }
            return numpy_of(out);
          },
          nb::arg("indices"), "The items at these indices, float32 [n, ...item_shape].")
      .def(
          "draw",
          [](const SourceHandle& s, int64_t n, uint64_t seed) {
            torch::Tensor out;
            {
              const NativeCall call;
              out = s.get().draw(n, RandomStreams(seed).at("python draw", 0));
            }
            return numpy_of(out);
          },
          nb::arg("n"), nb::arg("seed") = 0, "n independent draws, float32 [n, ...item_shape].");
  m.def("source_of_array", &source_of_array, nb::arg("name"), nb::arg("array"), nb::arg("columns"),
        nb::arg("hooks").none());
  m.def("open_source", &open_source, nb::arg("path"), nb::arg("assignments"), nb::arg("hooks").none());
  m.def("check_data", &check, nb::arg("path"), nb::arg("against"), nb::arg("strict"), nb::arg("hooks").none());
  using data::PackOptions;
  using data::PreparationOptions;
  nb::class_<PreparationOptions>(m, "PreparationOptions")
      .def_rw("width", &PreparationOptions::width)
      .def_rw("height", &PreparationOptions::height)
      .def_rw("resize_to", &PreparationOptions::resize_to)
      .def_rw("crop", &PreparationOptions::crop)
      .def_rw("filter", &PreparationOptions::filter)
      .def_rw("background", &PreparationOptions::background)
      .def_rw("grey", &PreparationOptions::grey)
      .def_rw("exif", &PreparationOptions::exif)
      .def_rw("range", &PreparationOptions::range);
  nb::class_<PackOptions>(m, "PackOptions")
      .def(nb::init<>())
      .def_rw("preparation", &PackOptions::preparation)
      .def_rw("encoded", &PackOptions::encoded)
      .def_rw("convert", &PackOptions::convert)
      .def_rw("on_error", &PackOptions::on_error)
      .def_rw("select", &PackOptions::select)
      .def_rw("split_by", &PackOptions::split_by)
      .def_rw("shard_bytes", &PackOptions::shard_bytes)
      .def(
          "set_split", [](PackOptions& self, const std::string& parts) { self.split = data::parse_split(parts); },
          nb::arg("parts"));
  m.def("pack", &pack, nb::arg("source"), nb::arg("destination"), nb::arg("options"), nb::arg("hooks").none());
}

}  // namespace monge::python
