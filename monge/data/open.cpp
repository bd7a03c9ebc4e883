#include "monge/data/open.h"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "monge/core/error.h"
#include "monge/core/nearest.h"
#include "monge/data/arrays.h"
#include "monge/data/glyphs.h"
#include "monge/data/image_collection.h"
#include "monge/data/member_path.h"
#include "monge/data/parquet_table.h"
#include "monge/data/spec.h"
#include "monge/data/toys.h"
#include "monge/data/w2_benchmark.h"
#include "monge/io/archive.h"
#include "monge/io/column_choice.h"
#include "monge/io/image.h"

namespace monge::data {
namespace {

namespace fs = std::filesystem;

std::shared_ptr<const Source> open_images(const SourceOptions& options, const LogSink& log,
                                          const ProgressCallback& progress) {
  auto source = std::make_shared<ImageSource>(options.path, options.images, progress, log);
  if (const auto left_out = source->open_report().left_out; !left_out.empty()) {
    log(LogLevel::warning, text(source->name(), ": ", left_out.size(),
                                " images cannot be used and are left out:", listed(left_out, left_out.size())));
  }
  if (!source->is_quick() && options.images.cache_mb > 0) {
    log(LogLevel::warning,
        text(source->name(), ": the images do not fit in cache_mb = ", options.images.cache_mb,
             " and are decoded at each use; raise it if there is memory, or prepare them once with monge data pack"));
  }
  return source;
}

bool names_images(const std::string& path) {
  std::error_code ignored;
  return holds_images(path) || (!fs::exists(path, ignored) && member_path(path).set.find('{') != std::string::npos);
}

[[noreturn]] void refuse_kind(const std::string& path) {
  std::error_code ignored;
  require(fs::exists(path, ignored), array_path(path).file.string(), ": no such file or folder");
  throw Error(Complaint{
      .what = "data of this kind cannot be opened",
      .where = path,
      .value = '"' + fs::path(path).extension().string() + '"',
      .allowed = "a folder of images; .zip .tar .tar.gz .tgz .7z .parquet of images; .png .jpg .jpeg .jfif .jpe .webp "
                 ".tif .tiff; "
                 ".npy; .npz or npz:FILE?key=NAME; .csv .tsv .txt; toy:NAME; font:FILE.ttf; w2bench:FILE.safetensors",
      .fix = "convert it, or give the file the extension of what it holds"});
}

std::shared_ptr<const Source> open_any(const SourceOptions& options, const LogSink& log,
                                       const ProgressCallback& progress) {
  const auto& path = options.path;
  require(!path.empty(),
          "path: no data are named; give a folder, an archive, a .npy, .npz or .csv file, toy:NAME, font:FILE.ttf or "
          "w2bench:FILE.safetensors");
  if (Spec::is("toy", path)) return open_toy(path);
  if (Spec::is("w2bench", path)) return open_w2_benchmark(path);
  if (Spec::is("font", path)) return open_glyphs(path, options.images.size, options.images.grey, progress);

  std::error_code ignored;
  // What a path is goes before what it is called: a folder "my.csv" is one of images, whatever is chosen of it.
  const bool is_folder = fs::is_directory(path, ignored) || fs::is_directory(member_path(path).set, ignored);
  if (is_folder && !parquet_path(path)) return open_images(options, log, progress);
  const auto file = array_path(path).file;
  if (has_array_extension(file) && fs::exists(file, ignored) && !fs::is_directory(file, ignored))
    return open_array(path, log);
  if (const auto parquet = parquet_path(path); parquet && holds_parquet_table(*parquet)) return open_array(path, log);
  if (names_images(path)) return open_images(options, log, progress);
  refuse_kind(path);
}

/// "400 rows x 3 columns: a, b, c (commas, header in line 1)" of vectors, "60 items of shape [3, 32, 32]" of images.
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
