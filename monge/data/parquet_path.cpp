#include "monge/data/parquet_path.h"

#include <algorithm>
#include <cctype>

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/data/array_path.h"
#include "monge/data/image_collection_kinds.h"
#include "monge/data/spec.h"

namespace monge::data {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kExtension = ".parquet";

/// The position of the '?' in "x.parquet?column=a", or npos.
size_t mark_of(const std::string& path) {
  std::string lower = path;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  const auto at = lower.find(std::string(kExtension) + '?');
  return at == std::string::npos ? at : at + kExtension.size();
}

/// The type of a path takes precedence over its name: a folder "set.parquet" of images is a folder of images.
bool is_other_folder(const fs::path& path) {
  std::error_code failure;
  if (!fs::is_directory(path, failure)) return false;
  bool empty = true;
  for (fs::directory_iterator at(path, failure), end; !failure && at != end; at.increment(failure)) {
    if (at->path().extension() == kExtension) return false;
    empty = false;
  }
  return !failure && !empty;
}

}  // namespace

std::optional<ParquetPath> parquet_path(const std::string& path) {
  std::error_code ignored;
  const auto mark = fs::exists(path, ignored) ? std::string::npos : mark_of(path);
  if (mark == std::string::npos) {
    if (lower_extension(path) != kExtension || is_other_folder(path)) return {};
    return ParquetPath{.whole = path, .file = path, .column = {}};
  }
  constexpr std::string_view kKey = "column=";
  const auto rest = path.substr(mark + 1);
  for (const char* key : {"columns=", "index=", "missing="}) {
    if (!rest.starts_with(key)) continue;
    Spec spec(path, mark);
    ParquetPath out{.whole = path, .file = path.substr(0, mark), .column = {}};
    out.columns = spec.word("columns", "");
    out.index = spec.word("index", "");
    using Missing = io::TextTableOptions::Missing;
    out.drop_missing = spec.choice("missing", Missing::refuse, missing_names()) == Missing::drop;
    spec.refuse_unknown();
    return out;
  }
  if (!rest.starts_with(kKey) || rest.size() == kKey.size()) {
    throw InputError({.what = "unknown parameter of a Parquet file",
                      .where = path,
                      .value = '"' + rest + '"',
                      .allowed = "column=NAME for images; columns=a,b index=NAME missing=drop for numbers"});
  }
  return ParquetPath{.whole = path, .file = path.substr(0, mark), .column = rest.substr(kKey.size())};
}

ImageCollectionKind image_parquet_kind() {
  return {
      .name = "images in Parquet",
      .help = "FILE.parquet?column=NAME",
      .place = 40,
      .matches = [](const std::string& path) { return parquet_path(path).has_value(); },
      .open = [](const std::string& path, const LogSink& log) { return open_image_parquet(*parquet_path(path), log); }};
}

std::vector<fs::path> parquet_files(const ParquetPath& path) {
  std::error_code ignored;
  if (fs::is_directory(path.file, ignored)) {
    std::vector<fs::path> out;
    try {
      for (const auto& entry : fs::directory_iterator(path.file)) {
        const auto& file = entry.path();
        if (file.extension() == kExtension && !is_hidden(file.filename()) && entry.is_regular_file())
          out.push_back(file);
      }
    } catch (const fs::filesystem_error& error) {
      throw InputError(text(path.file, ": the folder cannot be listed: ", error.code().message()));
    }
    require(!out.empty(), path.file, ": the folder holds no .parquet files");
    std::sort(out.begin(), out.end());
    return out;
  }
  if (!fs::exists(path.file, ignored) && path.file.find('{') != std::string::npos) return existing_shards(path.file);
  require(fs::exists(path.file, ignored), path.file, ": no such file or folder");
  require(fs::is_regular_file(path.file, ignored), path.file, ": is not a regular file");
  return {path.file};
}

}  // namespace monge::data
