// Images in files: a single file, or all files of a folder.
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "monge/core/error.h"
#include "monge/core/file_identity.h"
#include "monge/core/files.h"
#include "monge/core/names.h"
#include "monge/data/encoded_buffer.h"
#include "monge/data/image_collection_kinds.h"
#include "monge/data/name_list.h"

namespace monge::data {
namespace {

namespace fs = std::filesystem;

class FileImages : public ImageCollection {
 public:
  /// @param folder  the folder that holds them; empty: the working folder.
  FileImages(fs::path folder, NameList names) : folder_(std::move(folder)), names_(std::move(names)) {}

  int64_t size() const override { return names_.size(); }
  std::string name(int64_t i) const override { return std::string(names_[i]); }
  std::string where(int64_t i) const override { return (folder_ / names_[i]).string(); }
  std::string_view bytes(int64_t i, std::string& buffer) const override {
    // The limit prevents that one file that is no image takes all memory.
    constexpr int64_t kMostBytes = int64_t{1} << 30;
    const auto path = where(i);
    constexpr int64_t kSpare = 1 << 20;  // for a file that grows meanwhile
    const int64_t most = std::min(length(i) + kSpare, kMostBytes);
    hold_buffer(buffer, most, path);
    buffer = real_files().read(path, most);
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

/// Whether the file is an image of an unsupported kind.
bool is_other_image(const fs::path& name) {
  static constexpr std::array<std::string_view, 6> kOthers = {".gif", ".bmp", ".avif", ".heic", ".jp2", ".jxl"};
  return std::find(kOthers.begin(), kOthers.end(), lower_extension(name)) != kOthers.end();
}

/// io::has_image_extension for a path as text, which is faster for folders with millions of files.
bool has_image_ending(std::string_view path) {
  const auto dot = path.rfind('.');
  if (dot == std::string_view::npos || path.size() - dot > 5) return false;
  std::string ending(path.substr(dot));
  for (char& c : ending) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
  return std::find(io::kImageExtensions.begin(), io::kImageExtensions.end(), ending) != io::kImageExtensions.end();
}

/// If core.symlinks is off, git writes a link as a file that contains the target's path. @return that path, or "" if
/// the file is not such a link.
std::string link_as_text(const fs::path& path) {
  constexpr uintmax_t kLongest = 1024;
  std::error_code failure;
  const auto size = fs::file_size(path, failure);
  if (failure || size == 0 || size > kLongest) return {};
  std::string target;
  try {
    target = real_files().read(path, kLongest);
  } catch (const Error&) {
    return {};  // an unused file may be unreadable
  }
  const bool is_path = is_utf8(target) && target.find_first_of(std::string_view("\n\0", 2)) == std::string::npos;
  return is_path && fs::exists(path.parent_path() / target, failure) ? target : "";
}

/// Lists a folder. Real folders come first, then links to folders, then links to files, so that whatever is reachable
/// without a link has its own name. Each real folder is entered once, which ends cycles.
class FolderListing {
 public:
  explicit FolderListing(const fs::path& folder) : before_((folder / "").string().size()) {
    enter(folder);
    // Sorted by name, because the system lists in no order, and the first of two links to a folder names its images.
    for (std::set<std::string> pending(folder_links_.begin(), folder_links_.end()); !pending.empty();) {
      const auto link = *pending.begin();
      pending.erase(pending.begin());
      const auto before = folder_links_.size();
      if (!enter(link)) ++again_;
      pending.insert(folder_links_.begin() + static_cast<std::ptrdiff_t>(before), folder_links_.end());
    }
    std::sort(file_links_.begin(), file_links_.end());
    for (const auto& link : file_links_) follow_file(link);
  }

  NameList take_names() { return std::move(names_); }

  void report(const std::string& folder, const LogSink& log) const {
    const auto relative = [&](const std::string& path) { return shown(path.substr(before_)); };
    if (others_ > 0) {
      log(LogLevel::warning,
          text(folder, ": ", others_, " images in unsupported formats (.gif, .bmp, .avif, ...) are left out; ",
               "convert them to PNG to use them"));
    }
    if (files_ > 0) {
      log(LogLevel::info, text(folder, ": ", files_, files_ == 1 ? " file is" : " files are", " not ",
                               io::kImageFormats, " and left out, the first is ", relative(first_file_)));
      if (const auto target = link_as_text(first_file_); !target.empty()) {
        log(LogLevel::warning,
            text(folder, ": ", relative(first_file_), " holds the text ", shown(target),
                 ", which is how git writes a symbolic link if core.symlinks is off; replace it by a "
                 "link to use its target"));
      }
    }
    if (hidden_ > 0) {
      log(LogLevel::info,
          text(folder, ": ", hidden_,
               hidden_ == 1 ? " hidden image or folder of images is" : " hidden images or folders of images are",
               " left out, the first is ", relative(first_hidden_)));
    }
    if (const auto links = folder_links_.size() + file_links_.size(); links > 0) {
      const auto twice = again_ == 0 ? ""
                                     : text("; ", again_, again_ == 1 ? " leads" : " lead",
                                            " to images or folders that are already in the set and ",
                                            again_ == 1 ? "is" : "are", " not used twice");
      log(LogLevel::info,
          text(folder, ": ", links, links == 1 ? " symbolic link is" : " symbolic links are", " followed", twice));
    }
    if (dangling_ > 0) {
      log(LogLevel::warning, text(folder, ": ", dangling_, dangling_ == 1 ? " symbolic link is" : " symbolic links are",
                                  " broken and left out, the first is ", relative(first_dangling_)));
    }
    if (special_ > 0) {
      log(LogLevel::warning,
          text(folder, ": ", special_, special_ == 1 ? " pipe, socket or device is" : " pipes, sockets or devices are",
               " left out, the first is ", relative(first_special_)));
    }
  }

 private:
  /// @return false where the folder was entered before.
  bool enter(const fs::path& top) {
    std::vector<fs::path> open{top};
    bool fresh = false;
    while (!open.empty()) {
      const auto folder = std::move(open.back());
      open.pop_back();
      if (const auto id = file_identity(folder); id && !entered_.insert(*id).second) continue;
      fresh = true;
      for (const auto& entry : fs::directory_iterator(folder)) look_at(entry, open);
    }
    return fresh;
  }

  void look_at(const fs::directory_entry& entry, std::vector<fs::path>& open) {
    const auto& path = entry.path().native();
    if (path[path.rfind('/') + 1] == '.') {
      if (hides_images(entry)) note(hidden_, first_hidden_, path);
      return;
    }
    std::error_code ignored;
    if (!entry.is_symlink(ignored)) {  // known from the listing, without a system call
      if (entry.is_directory(ignored)) {
        open.push_back(entry.path());
      } else if (entry.is_regular_file(ignored)) {
        if (is_image(path)) add(path);
      } else {
        note(special_, first_special_, path);
      }
      return;
    }
    const auto type = entry.status(ignored).type();
    if (type == fs::file_type::directory) {
      folder_links_.push_back(path);
    } else if (type == fs::file_type::regular) {
      if (is_image(path)) file_links_.push_back(path);
    } else if (type != fs::file_type::not_found && type != fs::file_type::none) {
      note(special_, first_special_, path);
    } else if (has_image_ending(path)) {
      add(path);  // reading it reports the fault, together with others
    } else {
      note(dangling_, first_dangling_, path);
    }
  }

  /// Whether a hidden entry is an image or a folder that holds one. Files that macOS and monge itself leave beside
  /// images do not count.
  static bool hides_images(const fs::directory_entry& entry) {
    constexpr int kMost = 1000;  // entries of a folder that are examined, since a .git has very many
    const auto is_meant = [](const fs::path& path) { return !path.filename().native().starts_with("._"); };
    const auto& path = entry.path();
    if (!is_meant(path) || path.filename().native().starts_with(".monge-")) return false;
    std::error_code failure;
    if (!entry.is_directory(failure)) return has_image_ending(path.native()) && entry.is_regular_file(failure);
    int seen = 0;
    for (fs::recursive_directory_iterator at(path, failure), end; !failure && at != end && seen < kMost;
         at.increment(failure), ++seen) {
      if (is_meant(at->path()) && has_image_ending(at->path().native())) return true;
    }
    return false;
  }

  /// Whether it is an image. Counts other files for the log.
  bool is_image(const std::string& path) {
    if (has_image_ending(path)) return true;
    if (is_other_image(path)) {
      ++others_;
    } else {
      note(files_, first_file_, path);
    }
    return false;
  }

  void follow_file(const std::string& path) {
    std::error_code failure;
    const auto real = fs::canonical(path, failure);
    const auto folder = failure ? std::nullopt : file_identity(real.parent_path());
    const bool listed =
        folder && entered_.contains(*folder) && real.filename().native()[0] != '.' && has_image_ending(real.native());
    const auto id = file_identity(path);
    if (listed || (id && !linked_.insert(*id).second)) {
      ++again_;
    } else {
      add(path);
    }
  }

  // The names below the folder are cut from its paths as text. Millions of path objects would cost more than the
  // listing.
  void add(std::string_view path) { names_.add(path.substr(before_)); }

  static void note(int64_t& count, std::string& first, const std::string& path) {
    if (count++ == 0 || path < first) first = path;  // the first by name, because the system lists in no order
  }

  const size_t before_;
  NameList names_;
  std::set<FileIdentity> entered_, linked_;
  std::vector<std::string> folder_links_, file_links_;
  int64_t others_ = 0, files_ = 0, hidden_ = 0, again_ = 0, dangling_ = 0, special_ = 0;
  std::string first_file_, first_hidden_, first_dangling_, first_special_;
};

}  // namespace

std::string file_stamp(const fs::path& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) return {};
  return std::to_string(facts.st_size) + ' ' + std::to_string(facts.st_mtim.tv_sec) + '.' +
         std::to_string(facts.st_mtim.tv_nsec);
}

namespace {

std::shared_ptr<const ImageCollection> open_image_file(const std::string& path) {
  const auto member = existing_set(path);
  require(member.members.empty() && !member.all, member.set,
          ": is one file; ?member= chooses among the images of a folder, an archive or shards");
  std::error_code ignored;
  require(fs::is_regular_file(member.set, ignored), member.set,
          ": is a pipe, socket or device; expected an image file");
  const fs::path file = member.set;
  NameList name;
  name.add(file.filename().string());
  return std::make_shared<FileImages>(file.parent_path(), std::move(name));
}

std::shared_ptr<const ImageCollection> open_image_folder(const std::string& path, const LogSink& log) {
  const auto member = existing_set(path);
  const fs::path folder = member.set;
  NameList names;
  try {
    FolderListing listing(folder);
    listing.report(folder.string(), log);
    names = listing.take_names();
  } catch (const fs::filesystem_error& error) {
    throw InputError(text(error.path1().empty() ? folder.string() : error.path1().string(),
                          ": the folder cannot be listed: ", error.code().message()));
  }
  MemberChoice choice(member, folder.string());
  auto order = names.sorted();
  std::erase_if(order, [&](int64_t at) { return !choice.may_take(names[at]); });
  const auto out = std::make_shared<FileImages>(folder, names.chosen(choice.choose(names, std::move(order))));
  require_images_in(member.set, *out);
  return out;
}

}  // namespace

ImageCollectionKind single_image_kind() {
  return {.name = "image",
          .help = "image",
          .accepted = io::listed_image_extensions("", " ", " "),
          .place = 60,
          .matches = [](const std::string& path) { return io::has_image_extension(member_path(path).set); },
          .open = [](const std::string& path, const LogSink&) { return open_image_file(path); }};
}

ImageCollectionKind image_folder_kind() {
  return {.name = "folder of images",
          .help = "folder",
          .accepted = "a folder of images",
          .place = 10,
          .matches =
              [](const std::string& path) {
                std::error_code ignored;
                return fs::is_directory(member_path(path).set, ignored);
              },
          .open = open_image_folder};
}

}  // namespace monge::data
