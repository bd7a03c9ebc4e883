// The reference page of the recipe is made by the program, whose words for flags stand in it.
#include <gtest/gtest.h>

#include "tests/cli/program.h"

namespace monge {
namespace {

TEST(Options, TheReferencePageIsUpToDate) {
  const testing::ScratchFolder folder;
  const auto page = testing::monge(folder.path(), "options --format markdown");
  ASSERT_EQ(page.code, 0) << page.err;
  EXPECT_EQ(testing::slurp(std::filesystem::path(MONGE_SOURCE_DIR) / "docs/recipes.md"), page.out)
      << "run: build/release/monge options --format markdown > docs/recipes.md";
}

}  // namespace
}  // namespace monge
