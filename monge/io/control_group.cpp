#include "monge/io/control_group.h"

#include <algorithm>
#include <fstream>
#include <string>

namespace monge::io {
namespace {

namespace fs = std::filesystem;

/// The number in a file of a group; 0 if there is no such file, or no limit ("max").
int64_t limit_in(const fs::path& file) {
  std::ifstream in(file);
  int64_t out = 0;
  return in >> out && out > 0 ? out : 0;
}

/// The least limit of a group and of those that hold it, up to the root.
/// @param group  "/a/b", below `root`.
int64_t least_limit(const fs::path& root, const std::string& group, const char* file) {
  int64_t out = 0;
  const auto consider = [&](const fs::path& folder) {
    const int64_t limit = limit_in(folder / file);
    if (limit > 0) out = out > 0 ? std::min(out, limit) : limit;
  };
  consider(root);
  auto folder = root;
  // A group outside of the process's name space begins with "/..", which leads to the root here.
  for (const auto& part : fs::path(group).lexically_normal().relative_path()) {
    if (part.empty()) continue;
    folder /= part;
    consider(folder);
  }
  return out;
}

/// Whether a list like "cpu,memory" names the memory controller.
bool has_memory(const std::string& controllers) {
  return ("," + controllers + ",").find(",memory,") != std::string::npos;
}

}  // namespace

int64_t control_group_memory(const fs::path& list, const fs::path& mount) {
  int64_t out = 0;
  const auto consider = [&](const fs::path& root, const std::string& group, const char* file) {
    const int64_t limit = least_limit(root, group, file);
    if (limit > 0) out = out > 0 ? std::min(out, limit) : limit;
  };
  constexpr const char *kVersion2 = "memory.max", *kVersion1 = "memory.limit_in_bytes";
  consider(mount, "", kVersion2);
  consider(mount / "memory", "", kVersion1);
  std::ifstream in(list);
  for (std::string line; std::getline(in, line);) {  // "0::/a/b" of version 2, "7:cpu,memory:/a/b" of version 1
    const auto first = line.find(':'), second = line.find(':', first == line.npos ? first : first + 1);
    if (second == line.npos) continue;
    const auto controllers = line.substr(first + 1, second - first - 1), group = line.substr(second + 1);
    if (controllers.empty()) consider(mount, group, kVersion2);
    if (has_memory(controllers)) consider(mount / "memory", group, kVersion1);
  }
  return out;
}

}  // namespace monge::io
