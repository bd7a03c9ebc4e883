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
#include "monge/data/w2_benchmark.h"
#include "monge/io/archive.h"
#include "monge/io/image.h"

namespace monge::data {
namespace {

namespace fs = std::filesystem;

/// Files in a folder that do not have a picture's extension; hidden ones not counted.
int64_t other_files(const fs::path& path) {
  int64_t count = 0;
  std::error_code ignored;
  for (auto at = fs::recursive_directory_iterator(path, ignored); at != fs::recursive_directory_iterator(); at.increment(ignored)) {
    const auto& file = at->path();
    count += at->is_regular_file(ignored) && !io::has_image_extension(file) && file.filename().string()[0] != '.';
  }
  return count;
}

std::shared_ptr<const Source> open_images(const SourceOptions& options, const LogSink& log,
                                          const ProgressCallback& progress) {
  auto source = std::make_shared<ImageSource>(options.path, options.images, progress, log);
  if (source->skipped() > 0) {
    log(LogLevel::warning, text(source->name(), ": ", source->skipped(), " pictures cannot be used and are left out:"));
    for (const auto& complaint : source->complaints()) log(LogLevel::warning, "  " + complaint);
  }
  if (!source->cached() && options.images.cache_mb > 0) {
    log(LogLevel::warning, text(source->name(), ": the pictures do not fit in cache_mb = ", options.images.cache_mb,
                                " and are decoded at each use; raise it if there is memory"));
  }
  const int64_t others = other_files(options.path);
  if (others > 0) {
    log(LogLevel::info, text(source->name(), ": ", others, " files are no .png, .jpg or .webp and are left out"));
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
