#include "monge/data/picture_file.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/names.h"
#include "monge/io/archive.h"

namespace monge::data {
namespace {

namespace fs = std::filesystem;

bool is_hidden(const fs::path& name) {
  return std::any_of(name.begin(), name.end(), [](const fs::path& part) { return part.string().starts_with('.'); });
}

/// Pictures of kinds that are not read.
bool is_other_picture(const fs::path& name) {
  static constexpr std::array<std::string_view, 8> kOthers = {".gif",  ".bmp",  ".tif", ".tiff",
                                                              ".avif", ".heic", ".jp2", ".jxl"};
  return std::find(kOthers.begin(), kOthers.end(), lower_extension(name)) != kOthers.end();
}

std::vector<PictureFile> list_folder(const fs::path& folder, const LogSink& log) {
  std::vector<PictureFile> out;
  int64_t others = 0;
  try {
    for (fs::recursive_directory_iterator at(folder), end; at != end; ++at) {
      const bool hidden = is_hidden(at->path().filename());
      std::error_code ignored;
      if (hidden && at->is_directory(ignored)) at.disable_recursion_pending();
      others += !hidden && is_other_picture(at->path());
      if (hidden || !io::has_image_extension(at->path()) || at->is_directory(ignored)) continue;
      out.push_back({at->path().string(), at->path(), {}});
    }
  } catch (const fs::filesystem_error& error) {
    throw Error(text(folder.string(), ": the folder cannot be listed: ", error.code().message()));
  }
  if (others > 0) {
    log(LogLevel::warning,
        text(folder.string(), ": ", others, " pictures of other kinds (.gif, .bmp, .tiff, ...) are not read; convert ",
             "them to PNG to have them counted"));
  }
  return out;
}

std::vector<PictureFile> list_archive(const fs::path& path, const LogSink& log) {
  const auto wanted = [](const std::string& name) { return io::has_image_extension(name) && !is_hidden(name); };
  std::vector<PictureFile> out;
  int64_t unsafe = 0, duplicates = 0;
  for (auto& entry : io::read_archive(path, wanted, {}, &unsafe, &duplicates)) {
    // An empty entry keeps its place, so that it is complained about by name.
    out.push_back({path.string() + "/" + entry.name, {}, std::move(entry.bytes)});
  }
  if (unsafe > 0) {
    log(LogLevel::warning, text(path.string(), ": ", unsafe, unsafe == 1 ? " entry is" : " entries are",
                                " left out for an unsafe name (absolute, empty, or climbing with \"..\")"));
  }
  if (duplicates > 0) {
    log(LogLevel::warning, text(path.string(), ": ", duplicates, duplicates == 1 ? " entry repeats" : " entries repeat",
                                " an earlier one of the same name and bytes, and is not used twice"));
  }
  return out;
}

}  // namespace

torch::Tensor PictureFile::decode(io::Conversion& conversion) const {
  return io::decode_image(path.empty() ? bytes : real_files().read(path), name, io::kMostPixels, &conversion);
}

std::string PictureFile::name_within(const fs::path& whole) const {
  const fs::path own = name;
  return own == whole ? own.filename().string() : own.lexically_relative(whole).generic_string();
}

std::vector<PictureFile> list_pictures(const fs::path& path, const LogSink& log) {
  std::error_code ignored;
  require(fs::exists(path, ignored), path.string(), ": no such file or folder");
  if (!fs::is_directory(path, ignored) && !io::has_archive_extension(path)) return {{path.string(), path, {}}};
  auto out = fs::is_directory(path, ignored) ? list_folder(path, log) : list_archive(path, log);
  if (out.empty()) {
    throw Error(Complaint{.what = "no pictures found in it or in folders within it",
                          .where = path.string(),
                          .allowed = "files named *.png, *.jpg, *.jpeg or *.webp",
                          .fix = "check the path; hidden files are not used"});
  }
  std::sort(out.begin(), out.end(), [](const PictureFile& a, const PictureFile& b) { return a.name < b.name; });
  return out;
}

}  // namespace monge::data
