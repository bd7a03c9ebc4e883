// Pictures as files: one alone, or all of a folder.
#include <sys/stat.h>

#include <algorithm>
#include <array>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/names.h"
#include "monge/data/name_list.h"
#include "monge/data/picture_kinds.h"

namespace monge::data {
namespace {

namespace fs = std::filesystem;

class FilePictures : public Pictures {
 public:
  /// @param folder  that holds them; empty: the working folder.
  FilePictures(fs::path folder, NameList names) : folder_(std::move(folder)), names_(std::move(names)) {}

  int64_t size() const override { return names_.size(); }
  std::string name(int64_t i) const override { return std::string(names_[i]); }
  std::string where(int64_t i) const override { return (folder_ / names_[i]).string(); }
  std::string_view bytes(int64_t i, std::string& buffer) const override {
    // Else one file that is no picture could take all memory, and the set with it.
    constexpr int64_t kMostBytes = int64_t{1} << 30;
    const auto path = where(i);
    buffer = real_files().read(path, kMostBytes);
    return buffer;
  }
  std::string stamp(int64_t i) const override { return file_stamp(folder_ / names_[i]); }
  int64_t length(int64_t i) const override {
    std::error_code failure;
    const auto size = fs::file_size(folder_ / names_[i], failure);
    return failure ? 0 : static_cast<int64_t>(size);
  }

 private:
  fs::path folder_;
  NameList names_;
};

/// Pictures of kinds that are not read.
bool is_other_picture(const fs::path& name) {
  static constexpr std::array<std::string_view, 6> kOthers = {".gif", ".bmp", ".avif", ".heic", ".jp2", ".jxl"};
  return std::find(kOthers.begin(), kOthers.end(), lower_extension(name)) != kOthers.end();
}

/// io::has_image_extension of a path as text: a folder of millions is gone through.
bool ends_like_a_picture(std::string_view path) {
  const auto dot = path.rfind('.');
  if (dot == std::string_view::npos || path.size() - dot > 5) return false;
  std::string ending(path.substr(dot));
  for (char& c : ending) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
  return std::find(io::kImageExtensions.begin(), io::kImageExtensions.end(), ending) != io::kImageExtensions.end();
}

/// A pipe would be waited for without end. A link that leads nowhere is a fault to be told.
bool is_device(const fs::directory_entry& entry) {
  std::error_code ignored;
  return !entry.is_regular_file(ignored) && entry.exists(ignored);
}

}  // namespace

std::string file_stamp(const fs::path& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) return {};
  return std::to_string(facts.st_size) + ' ' + std::to_string(facts.st_mtim.tv_sec) + '.' + std::to_string(facts.st_mtim.tv_nsec);
}

std::shared_ptr<const Pictures> open_picture_file(const fs::path& path) {
  NameList name;
  name.add(path.filename().string());
  return std::make_shared<FilePictures>(path.parent_path(), std::move(name));
}

std::shared_ptr<const Pictures> open_picture_folder(const fs::path& folder, const LogSink& log) {
  NameList names;
  int64_t others = 0, files = 0;
  // The names below the folder are cut off its paths as text: millions of path objects would cost more than the listing.
  const size_t before = (folder / "").string().size();
  try {
    for (fs::recursive_directory_iterator at(folder), end; at != end; ++at) {
      const std::string_view path = at->path().native();
      const bool hidden = path[path.rfind('/') + 1] == '.';
      std::error_code ignored;
      if (hidden && at->is_directory(ignored)) at.disable_recursion_pending();
      if (hidden || at->is_directory(ignored) || is_device(*at)) continue;
      if (!ends_like_a_picture(path)) {
        ++(is_other_picture(at->path()) ? others : files);
        continue;
      }
      names.add(path.substr(before));
    }
  } catch (const fs::filesystem_error& error) {
    throw Error(text(folder.string(), ": the folder cannot be listed: ", error.code().message()));
  }
  if (others > 0) {
    log(LogLevel::warning,
        text(folder.string(), ": ", others, " pictures of other kinds (.gif, .bmp, .heic, ...) are not read; convert ",
             "them to PNG to have them counted"));
  }
  if (files > 0) log(LogLevel::info, text(folder.string(), ": ", files, " files are no .png, .jpg, .webp or .tif and are left out"));
  return std::make_shared<FilePictures>(folder, names.chosen(names.sorted()));
}

}  // namespace monge::data
