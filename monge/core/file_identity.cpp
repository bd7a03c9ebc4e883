#include "monge/core/file_identity.h"

#include <sys/stat.h>

namespace monge {

std::optional<FileIdentity> file_identity(const std::filesystem::path& path) {
  struct stat facts {};
  if (::stat(path.c_str(), &facts) != 0) return {};
  return FileIdentity{facts.st_dev, facts.st_ino};
}

}  // namespace monge
