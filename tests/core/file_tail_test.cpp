#include "monge/core/file_tail.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/support.h"

namespace monge {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

void append(const std::filesystem::path& file, const std::string& text) { std::ofstream(file, std::ios::app) << text; }

TEST(FileTail, GivesWholeLinesOnce) {
  const testing::ScratchFolder folder;
  FileTail tail(folder / "log");
  EXPECT_THAT(tail.poll().lines, IsEmpty());
  append(folder / "log", "one\ntw");
  EXPECT_THAT(tail.poll().lines, ElementsAre("one"));
  EXPECT_THAT(tail.poll().lines, IsEmpty());
  append(folder / "log", "o\n\nthree\n");
  EXPECT_THAT(tail.poll().lines, ElementsAre("two", "", "three"));
}

TEST(FileTail, BeginsNearTheEndOfALongFile) {
  const testing::ScratchFolder folder;
  append(folder / "log", "one\ntwo\nthree\n");
  FileTail tail(folder / "log", 8);  // "o\nthree\n"
  EXPECT_THAT(tail.poll().lines, ElementsAre("three"));
  append(folder / "log", "four\n");
  EXPECT_THAT(tail.poll().lines, ElementsAre("four"));
  EXPECT_THAT(FileTail(folder / "log", 1000).poll().lines, ElementsAre("one", "two", "three", "four"));
}

TEST(FileTail, BeginsAnewWhenTheFileIsCutOrReplaced) {
  const testing::ScratchFolder folder;
  FileTail tail(folder / "log");
  append(folder / "log", "one\ntwo\n");
  tail.poll();
  std::filesystem::resize_file(folder / "log", 4);
  auto news = tail.poll();
  EXPECT_TRUE(news.anew);
  EXPECT_THAT(news.lines, ElementsAre("one"));
  append(folder / "other", "a\nb\nc\n");
  std::filesystem::rename(folder / "other", folder / "log");
  news = tail.poll();
  EXPECT_TRUE(news.anew);
  EXPECT_THAT(news.lines, ElementsAre("a", "b", "c"));
}

}  // namespace
}  // namespace monge
