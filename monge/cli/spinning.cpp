#include "monge/cli/spinning.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>

namespace monge::cli {
namespace {

constexpr const char* kSpins = "2000";

}  // namespace

void bound_spinning(char** argv) {
  if (std::getenv("GOMP_SPINCOUNT") || std::getenv("OMP_WAIT_POLICY")) return;
  if (setenv("GOMP_SPINCOUNT", kSpins, 1) != 0) return;
  // By its path and not as /proc/self/exe, which would become its name in lists of processes.
  std::error_code failed;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", failed);
  if (failed || self.filename().string().starts_with("ld-")) return;  // started by way of the loader, which is no program
  execv(self.c_str(), argv);
}

}  // namespace monge::cli
