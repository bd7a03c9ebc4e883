// The library knows no command line: flags and commands stand in one table of the program.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "monge/core/files.h"

namespace monge {
namespace {

namespace fs = std::filesystem;

const fs::path kSource = fs::path(MONGE_SOURCE_DIR) / "monge";

/// The code of all rooms but these.
std::vector<std::pair<fs::path, std::string>> files_without(const std::set<std::string>& rooms) {
  std::vector<std::pair<fs::path, std::string>> out;
  for (const auto& entry : fs::recursive_directory_iterator(kSource)) {
    const auto room = *fs::relative(entry.path(), kSource).begin();
    const auto ending = entry.path().extension();
    if (rooms.count(room.string()) > 0 || (ending != ".cpp" && ending != ".h")) continue;
    out.emplace_back(entry.path(), real_files().read(entry.path()));
  }
  return out;
}

/// The first groups of all matches.
std::vector<std::string> matches(const std::string& text, const std::string& pattern) {
  const std::regex expression(pattern);
  std::vector<std::string> out;
  for (std::sregex_iterator at(text.begin(), text.end(), expression), end; at != end; ++at) out.push_back((*at)[1]);
  return out;
}

TEST(UserWords, TheProgramHasAWordForEachNameInMessagesAndNoOther) {
  std::set<std::string> used;
  for (const auto& [path, code] : files_without({"cli"})) {
    if (code.find("user_word(") == std::string::npos) continue;
    for (const auto& name : matches(code, R"re(user_word\("((?:[^"\\]|\\.)*)"\))re")) used.insert(name);
  }
  const auto table = matches(real_files().read(kSource / "cli/user_words.cpp"), R"re(\{"((?:[^"\\]|\\.)*)",)re");
  EXPECT_GE(used.size(), 20U);
  EXPECT_THAT(std::set<std::string>(table.begin(), table.end()), ::testing::ContainerEq(used));
  // Python has words for most of them; the others are what only a command line has.
  const auto python = real_files().read(fs::path(MONGE_SOURCE_DIR) / "python/bindings/module.cpp");
  for (const auto& name : matches(python, R"re(\{"((?:[^"\\]|\\.)*)", ")re")) EXPECT_EQ(used.count(name), 1U) << name;
}

TEST(UserWords, TheRoomsBelowTheSessionNameNoFlagAndNoCommand) {
  const std::regex allowed("--mpi=");  // a flag of srun
  const std::regex flag("(^|[ (])--[a-z]");
  const std::regex command(
      "monge "
      "(data|train|resume|translate|eval|truth|bench|fid|kid|stats|lpips|export|options|weights|info|report|runs|watch|"
      "serve)\\b");
  // A page of the room report is a document about a run; it shows the program's commands, whoever wrote it.
  for (const auto& [path, code] : files_without({"cli", "session", "report"})) {
    std::istringstream lines(code);
    for (std::string line; std::getline(lines, line);) {
      line.resize(std::min(line.size(), line.find("//")));
      if (line.find("--") == std::string::npos && line.find("monge ") == std::string::npos) continue;
      for (const auto& literal : matches(line, R"re("((?:[^"\\]|\\.)*)")re")) {
        EXPECT_FALSE(std::regex_search(std::regex_replace(literal, allowed, ""), flag)) << path << ": " << line;
        EXPECT_FALSE(std::regex_search(literal, command)) << path << ": " << line;
      }
    }
  }
}

}  // namespace
}  // namespace monge
