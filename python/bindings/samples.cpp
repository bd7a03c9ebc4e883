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

struct PackArguments {
  std::string source, destination;
  data::PackOptions options;
};

nb::list pack(const PackArguments& arguments, const nb::object& receiver) {
  const auto result = run_job(receiver, [&](const auto& hooks, auto&) {
    return data::pack(arguments.source, arguments.destination, arguments.options, hooks.log,
                      hooks.progress_of("packing"), hooks.stop_flag());
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
  m.def(
      "pack",
      [](std::string source, std::string destination, int64_t width, int64_t height, int64_t resize_to,
         const std::string& crop, const std::string& filter, const std::string& background, bool grey,
         const std::string& exif, const std::string& range, bool encoded, bool convert, const std::string& on_error,
         const std::vector<std::string>& select, const std::string& split, const std::string& split_by,
         int64_t shard_mb, const nb::object& receiver) {
        PackArguments arguments{std::move(source), std::move(destination), {}};
        auto& options = arguments.options;
        auto& preparation = options.preparation;
        preparation.width = width;
        preparation.height = height;
        preparation.resize_to = resize_to;
        preparation.crop = crop;
        preparation.filter = filter;
        preparation.background = background;
        preparation.grey = grey;
        preparation.exif = exif;
        preparation.range = range;
        options.encoded = encoded;
        options.convert = convert;
        options.on_error = on_error;
        options.select = select;
        if (!split.empty()) options.split = data::parse_split(split);
        options.split_by = split_by;
        options.shard_bytes = shard_mb << 20;
        return pack(arguments, receiver);
      },
      nb::arg("source"), nb::arg("destination"), nb::arg("width"), nb::arg("height"), nb::arg("resize_to"),
      nb::arg("crop"), nb::arg("filter"), nb::arg("background"), nb::arg("grey"), nb::arg("exif"), nb::arg("range"),
      nb::arg("encoded"), nb::arg("convert"), nb::arg("on_error"), nb::arg("select"), nb::arg("split"),
      nb::arg("split_by"), nb::arg("shard_mb"), nb::arg("hooks").none());
}

}  // namespace monge::python
