#include "monge/core/file_identity.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/support.h"

namespace monge {
namespace {

TEST(FileIdentity, IsThatOfTheFileByEveryName) {
  const testing::ScratchFolder folder;
  for (const char* name : {"a", "b"}) std::ofstream(folder / name) << "the same";
  std::filesystem::create_symlink("a", folder / "soft");
  std::filesystem::create_hard_link(folder / "a", folder / "hard");
  std::filesystem::create_symlink("nowhere", folder / "lost");
  const auto a = file_identity(folder / "a");
  ASSERT_TRUE(a);
  EXPECT_EQ(file_identity(folder / "soft"), a);
  EXPECT_EQ(file_identity(folder / "hard"), a);
  EXPECT_NE(file_identity(folder / "b"), a) << "content does not matter";
  EXPECT_NE(file_identity(folder.path()), a);
  EXPECT_FALSE(file_identity(folder / "lost"));
  EXPECT_FALSE(file_identity(folder / "none"));
}

}  // namespace
}  // namespace monge
