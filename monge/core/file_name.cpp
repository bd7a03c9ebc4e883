#include "monge/core/file_name.h"

#include <algorithm>
#include <string>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/names.h"

namespace monge {

void require_usable_name(const std::filesystem::path& path, std::string_view where) {
  const auto refuse = [&](const char* what, const std::string& name, size_t most) {
    throw InputError({.what = what,
                      .where = std::string(where),
                      .value = text(shortened(name, 60), "... of ", name.size(), " bytes"),
                      .allowed = text("at most ", most),
                      .fix = "choose a shorter one"});
  };
  for (const auto& name : path) {
    if (name.native().size() > kLongestFileName) refuse("the name is too long", name, kLongestFileName);
  }
  // If it is a folder, files are written in it, under their temporary names first.
  constexpr size_t kSlashAndEnding = sizeof "/.part" - 1, kRoom = kLongestFileName + kSlashAndEnding;
  if (path.native().size() > kLongestPath - kRoom) refuse("the path is too long", path, kLongestPath - kRoom);
}

std::string_view shortened(std::string_view name, size_t most) {
  if (name.size() <= most) return name;
  auto out = name.substr(0, most);
  while (is_utf8(name) && !is_utf8(out)) out.remove_suffix(1);
  return out;
}

std::filesystem::path with_ending(const std::filesystem::path& path, std::string_view ending) {
  constexpr size_t kHashDigits = 16;
  const auto name = path.filename().string();
  if (name.size() + ending.size() <= kLongestFileName) return path.string() + std::string(ending);
  const auto begin = shortened(name, kLongestFileName - ending.size() - 1 - kHashDigits);
  return path.parent_path() / text(begin, '-', content_hash(name), ending);
}

std::filesystem::path part_path(const std::filesystem::path& path) { return with_ending(path, ".part"); }

std::filesystem::path with_suffix(const std::filesystem::path& path, std::string_view suffix) {
  const auto end = std::string(suffix) + path.extension().string();
  const auto stem = path.stem().string();
  const auto room = kLongestFileName - std::min(kLongestFileName, end.size());
  return path.parent_path() / (std::string(shortened(stem, room)) + end);
}

}  // namespace monge
