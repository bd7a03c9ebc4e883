#include "monge/data/open.h"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "monge/core/error.h"
#include "monge/core/nearest.h"
#include "monge/data/arrays.h"
#include "monge/data/glyphs.h"
#include "monge/data/pictures.h"
#include "monge/data/spec.h"
#include "monge/data/toys.h"
#include "monge/data/w2_benchmark.h"
#include "monge/io/archive.h"
#include "monge/io/image.h"

namespace monge::data {
namespace {

namespace fs = std::filesystem;

std::shared_ptr<const Source> open_images(const SourceOptions& options, const LogSink& log,
                                          const ProgressCallback& progress) {
  auto source = std::make_shared<ImageSource>(options.path, options.images, progress, log);
  if (const auto left_out = source->remarks().left_out; !left_out.empty()) {
    log(LogLevel::warning, text(source->name(), ": ", left_out.size(), " pictures cannot be used and are left out:",
                                listed(left_out, left_out.size())));
  }
  if (!source->is_quick() && options.images.cache_mb > 0) {
    log(LogLevel::warning, text(source->name(), ": the pictures do not fit in cache_mb = ", options.images.cache_mb,
                                " and are decoded at each use; raise it if there is memory, or prepare them once with monge data pack"));
  }
  return source;
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
  if (Spec::is("npz", path)) return open_array(path);

  std::error_code ignored;
  if (holds_pictures(path) || (!fs::exists(path, ignored) && path.find('{') != std::string::npos)) {
    return open_images(options, log, progress);
  }
  require(fs::exists(path, ignored), path, ": no such file or folder");
  if (has_array_extension(path)) return open_array(path);
  throw Error(Complaint{.what = "data of this kind cannot be opened",
                        .where = path,
                        .value = '"' + fs::path(path).extension().string() + '"',
                        .allowed =
                            "a folder of pictures; .zip .tar .tar.gz .tgz .7z .parquet of pictures; .png .jpg .jpeg .webp .tif .tiff; "
                            ".npy; .npz or npz:FILE?key=NAME; .csv .tsv .txt; toy:NAME; font:FILE.ttf; w2bench:FILE.safetensors",
                        .fix = "convert it, or give the file the extension of what it holds"});
}

}  // namespace

std::shared_ptr<const Source> open_source(const SourceOptions& options, const LogSink& log,
                                          const ProgressCallback& progress) {
  auto source = open_any(options, log, progress);
  const auto count = source->endless() ? std::string("endless") : text(source->size(), " items");
  log(LogLevel::info, text(source->name(), ": ", count, " of shape ", torch::IntArrayRef(source->item_shape())));
  return source;
}

}  // namespace monge::data
