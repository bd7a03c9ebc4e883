#include "monge/data/open.h"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "monge/core/error.h"
#include "monge/core/nearest.h"
#include "monge/data/arrays.h"
#include "monge/data/glyphs.h"
#include "monge/data/spec.h"
#include "monge/data/toys.h"
#include "monge/io/archive.h"
#include "monge/io/image.h"

namespace monge::data {
namespace {

namespace fs = std::filesystem;

std::shared_ptr<const Source> open_images(const SourceOptions& options, const LogSink& log,
                                          const ProgressCallback& progress) {
  auto source = std::make_shared<ImageSource>(options.path, options.images, progress);
  if (source->skipped() > 0) {
    log(LogLevel::warning, text(source->name(), ": ", source->skipped(), " pictures cannot be used and are left out:"));
    for (const auto& complaint : source->complaints()) log(LogLevel::warning, "  " + complaint);
  }
  if (!source->cached()) {
    if (options.images.cache_mb > 0) log(LogLevel::warning, text(source->name(), ": the pictures do not fit in cache_mb = ", options.images.cache_mb,
                                " and are decoded at each use; raise it if there is memory"));
  }
  return source;
}

std::shared_ptr<const Source> open_any(const SourceOptions& options, const LogSink& log,
                                       const ProgressCallback& progress) {
  const auto& path = options.path;
  require(!path.empty(),
          "path: no data are named; give a folder, an archive, a .npy or .csv file, toy:NAME or font:FILE.ttf");
  if (Spec::is("toy", path)) return open_toy(path);
  if (Spec::is("font", path)) return open_glyphs(path, options.images.size, options.images.grey, progress);

  std::error_code ignored;
  require(fs::exists(path, ignored), path, ": no such file or folder");
  if (fs::is_directory(path, ignored) || io::has_archive_extension(path) || io::has_image_extension(path)) {
    return open_images(options, log, progress);
  }
  if (has_array_extension(path)) return open_array(path);
  throw Error(Complaint{.what = "data of this kind cannot be opened",
                        .where = path,
                        .value = '"' + fs::path(path).extension().string() + '"',
                        .allowed =
                            "a folder of pictures; .zip .tar .tar.gz .tgz .7z of pictures; .png .jpg .jpeg .webp; "
                            ".npy; .csv .tsv .txt; toy:NAME; font:FILE.ttf",
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
