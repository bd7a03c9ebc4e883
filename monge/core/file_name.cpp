#include "monge/core/file_name.h"

#include <string>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/names.h"

namespace monge {

std::string_view shortened(std::string_view name, size_t most) {
  if (name.size() <= most) return name;
  auto out = name.substr(0, most);
  while (is_utf8(name) && !is_utf8(out)) out.remove_suffix(1);
  return out;
}

std::filesystem::path part_path(const std::filesystem::path& path) {
  constexpr std::string_view kEnding = ".part";
  constexpr size_t kHashDigits = 16;
  const auto name = path.filename().string();
  if (name.size() + kEnding.size() <= kLongestFileName) return path.string() + std::string(kEnding);
  const auto begin = shortened(name, kLongestFileName - kEnding.size() - 1 - kHashDigits);
  return path.parent_path() / text(begin, '-', content_hash(name), kEnding);
}

}  // namespace monge
