// Feeds the committed corpora of fuzz/ to the targets of fuzz/, in this build and without libFuzzer.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <random>
#include <set>

#include "fuzz/target.h"
#include "monge/core/files.h"
#include "tests/io/damage.h"
#include "tests/support/support.h"

namespace monge::fuzz {
namespace {

std::filesystem::path corpus_of(const std::string& target) {
  return std::filesystem::path(MONGE_SOURCE_DIR) / "fuzz/corpus" / target;
}

std::vector<std::filesystem::path> inputs_of(const std::string& target) {
  std::vector<std::filesystem::path> out;
  for (const auto& entry : std::filesystem::directory_iterator(corpus_of(target))) out.push_back(entry.path());
  std::ranges::sort(out);
  return out;
}

TEST(FuzzCorpus, EveryTargetHasOneAndEveryCorpusATarget) {
  std::set<std::string> names, folders;
  for (const auto& [name, target] : targets()) names.insert(name);
  for (const auto& entry : std::filesystem::directory_iterator(corpus_of(""))) {
    folders.insert(entry.path().filename().string());
  }
  EXPECT_EQ(names, folders);
}

// MONGE_FUZZ_ROUNDS damaged copies of each input (by default 2) are fed, too: more of them look for faults without
// clang, though blindly.
TEST(FuzzCorpus, EveryInputIsReadOrRefused) {
  const char* named = std::getenv("MONGE_FUZZ_ROUNDS");
  const char* only = std::getenv("MONGE_FUZZ_TARGET");
  const char* kept = std::getenv("MONGE_FUZZ_KEPT");  // receives each damaged input before it is fed
  const int rounds = named ? std::atoi(named) : 2;
  for (const auto& [name, target] : targets()) {
    if (only && name != only) continue;
    for (const auto& path : inputs_of(name)) {
      SCOPED_TRACE(path.string());
      const auto bytes = real_files().read(path);
      EXPECT_NO_THROW(target(bytes));
      monge::testing::refuses_damage(bytes, rounds, [&, target = target](const std::string& damaged) {
        if (kept) real_files().write(kept, std::array{std::string_view(damaged)});
        target(damaged);
      });
    }
  }
}

}  // namespace
}  // namespace monge::fuzz
