#include "monge/data/open.h"

#include <filesystem>

#include "monge/core/error.h"
#include "monge/core/nearest.h"
#include "monge/data/array_path.h"
#include "monge/data/image_source_kinds.h"
#include "monge/io/column_choice.h"

namespace monge::data {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse_kind(const std::string& path) {
  std::error_code ignored;
  require(fs::exists(path, ignored), array_path(path).file.string(), ": no such file or folder");
  throw InputError({.what = "data of this kind cannot be opened",
                    .where = path,
                    .value = '"' + fs::path(path).extension().string() + '"',
                    .allowed = source_kinds().accepted(),
                    .fix = "convert the file, or give it the extension of its format"});
}

std::shared_ptr<const Source> open_any(const SourceOptions& options, const LogSink& log,
                                       const ProgressCallback& progress) {
  require(!options.path.empty(),
          "path: no data are named; give a folder, an archive, a .npy, .npz, .csv or .h5ad file, ",
          source_kinds().accepted_prefixes());
  if (const auto* kind = source_kinds().find(options.path)) return kind->open(options, log, progress);
  refuse_kind(options.path);
}

/// The size and shape of a source for the log: "400 rows x 3 columns: a, b, c (commas, header in line 1)" for vectors,
/// "60 items of shape [3, 32, 32]" for images.
std::string shape_of(const Source& source) {
  const auto shape = source.item_shape();
  if (source.endless() || shape.size() != 1) {
    return text(source.endless() ? std::string("endless") : text(source.size(), " items"), " of shape ",
                torch::IntArrayRef(shape));
  }
  const auto counted = [](int64_t count, const char* word) { return text(count, ' ', word, count == 1 ? "" : "s"); };
  auto out = counted(source.size(), "row") + " x " + counted(shape[0], "column");
  if (const auto names = source.table_names().columns; !names.empty())
    out += ": " + io::listed_columns(names, /*always_quoted=*/false);
  if (const auto reading = source.open_report().reading; !reading.empty()) out += " (" + reading + ')';
  return out;
}

}  // namespace

std::shared_ptr<const Source> open_source(const SourceOptions& options, const LogSink& log,
                                          const ProgressCallback& progress) {
  auto source = open_any(options, log, progress);
  log(LogLevel::info, source->name() + ": " + shape_of(*source));
  return source;
}

void require_images(const std::string& path) {
  if (!names_images(path)) refuse_kind(path);
}

}  // namespace monge::data
