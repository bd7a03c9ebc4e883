// Pictures as files: one alone, or all of a folder.
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
    buffer = real_files().read(where(i));
    return buffer;
  }
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
  static constexpr std::array<std::string_view, 8> kOthers = {".gif",  ".bmp",  ".tif", ".tiff",
                                                              ".avif", ".heic", ".jp2", ".jxl"};
  return std::find(kOthers.begin(), kOthers.end(), lower_extension(name)) != kOthers.end();
}

}  // namespace

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
      const auto& path = at->path();
      const bool hidden = is_hidden(path.filename());
      std::error_code ignored;
      if (hidden && at->is_directory(ignored)) at.disable_recursion_pending();
      if (hidden || at->is_directory(ignored)) continue;
      if (!io::has_image_extension(path)) {
        ++(is_other_picture(path) ? others : files);
        continue;
      }
      names.add(std::string_view(path.native()).substr(before));
    }
  } catch (const fs::filesystem_error& error) {
    throw Error(text(folder.string(), ": the folder cannot be listed: ", error.code().message()));
  }
  if (others > 0) {
    log(LogLevel::warning,
        text(folder.string(), ": ", others, " pictures of other kinds (.gif, .bmp, .tiff, ...) are not read; convert ",
             "them to PNG to have them counted"));
  }
  if (files > 0) log(LogLevel::info, text(folder.string(), ": ", files, " files are no .png, .jpg or .webp and are left out"));
  return std::make_shared<FilePictures>(folder, names.chosen(names.sorted()));
}

}  // namespace monge::data
