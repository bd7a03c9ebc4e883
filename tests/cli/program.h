// Runs the program as a user would.
#pragma once

#include <sys/wait.h>

#include <cstdio>
#include <fstream>
#include <string>

#include "tests/support/support.h"

namespace monge::testing {

struct Result {
  int code = -1;
  std::string out, err;
};

/// The whole of a file; empty when it is absent.
inline std::string slurp(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Runs `monge ARGUMENTS` in `folder` by the shell. @param environment  assignments before the command: "LC_ALL=C".
inline Result monge(const std::filesystem::path& folder, const std::string& arguments,
                    const std::string& environment = "") {
  const auto out = folder / ".stdout", err = folder / ".stderr";
  const std::string line = "cd '" + folder.string() + "' && " + environment + " '" MONGE_PROGRAM "' " + arguments +
                           " >'" + out.string() + "' 2>'" + err.string() + "'";
  const int status = std::system(line.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), slurp(out), slurp(err)};
}

}  // namespace monge::testing
