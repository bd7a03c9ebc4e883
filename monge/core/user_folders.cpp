#include "monge/core/user_folders.h"

#include <dlfcn.h>

#include <cstdlib>
#include <sstream>

namespace monge {
namespace {

namespace fs = std::filesystem;

std::string variable_text(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

}  // namespace

std::vector<fs::path> user_folders(const fs::path& flag, const char* variable, const std::string& kind) {
  std::vector<fs::path> out;
  if (!flag.empty()) out.push_back(flag);
  std::istringstream listed(variable_text(variable));
  for (std::string folder; std::getline(listed, folder, ':');) {
    if (!folder.empty()) out.emplace_back(folder);
  }
  // The XDG base directory specification: a relative path is to be ignored.
  if (const fs::path cache = variable_text("XDG_CACHE_HOME"); cache.is_absolute()) {
    out.push_back(cache / "monge" / kind);
  } else if (const fs::path home = variable_text("HOME"); !home.empty()) {
    out.push_back(home / ".cache/monge" / kind);
  }
  return out;
}

fs::path installation_folder() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&installation_folder), &info) == 0 || !info.dli_fname) return {};
  std::error_code failure;
  // The dynamic linker names a program as it was started, which may be a word of PATH or a link.
  auto file = fs::canonical(info.dli_fname, failure);
  if (failure || !fs::is_regular_file(file, failure)) file = fs::read_symlink("/proc/self/exe", failure);
  return failure ? fs::path() : file.parent_path();
}

}  // namespace monge
