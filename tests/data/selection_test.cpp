#include "monge/data/selection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "monge/core/error.h"
#include "monge/io/image.h"
#include "tests/support/support.h"

namespace monge::data {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using testing::ScratchFolder;

void put(const fs::path& path, const std::string& bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

TEST(Split, SaysWhatIsWrong) {
  for (const char* bad : {"", "train", "train=", "train=0", "train=1.5", "a=0.7,b=0.7", "a=0.5,a=0.5", "../x=0.5", "a=0.5,", ".a=1", "a/b=1", "a=nan"}) {
    EXPECT_THAT(message_of([&] { parse_split(bad); }), HasSubstr("--split")) << bad;
  }
}

TEST(Select, TakesCelebAsListAndCsv) {
  const ScratchFolder folder;
  for (const char* name : {"000001.jpg", "000002.jpg", "b/000003.jpg", "000004.jpg"}) put(folder / "set" / name, io::encode_jpeg(torch::zeros({16, 16, 3}, torch::kUInt8)));
  put(folder / "list.txt", "3\nSmiling Male \n000001.jpg -1  1\n000002.jpg  1 -1\r\n000003.jpg -1 -1\n");
  put(folder / "list.csv", "image_id,Smiling,Male\n000001.jpg,-1,1\n000002.jpg,1,-1\n\"000003.jpg\",-1,-1\n");
  const auto pictures = open_pictures(folder / "set", silent());
  const std::vector<int64_t> all{0, 1, 2, 3};
  for (const char* file : {"list.txt", "list.csv"}) {
    const auto rule = [&](const std::string& what) { return (folder / file).string() + ":" + what; };
    std::vector<std::string> told;
    const auto log = [&](LogLevel, const std::string& line) { told.push_back(line); };
    std::vector<std::string> names;
    for (const int64_t i : select_by_attribute(*pictures, all, rule("Male=-1"), log)) names.push_back(pictures->name(i));
    EXPECT_THAT(names, ElementsAre("000002.jpg", "b/000003.jpg"));
    ASSERT_EQ(told.size(), 1u);
    EXPECT_THAT(told[0], AllOf(HasSubstr("knows nothing of 1 of 4"), HasSubstr("000004.jpg")));
    EXPECT_THAT(message_of([&] { select_by_attribute(*pictures, all, rule("Mal=1"), silent()); }), AllOf(HasSubstr("Mal"), HasSubstr("did you mean")));
    EXPECT_THAT(message_of([&] { select_by_attribute(*pictures, all, rule("Male=2"), silent()); }), HasSubstr("none of 4"));
  }
  EXPECT_THAT(message_of([&] { select_by_attribute(*pictures, all, "Male=-1", silent()); }), HasSubstr("FILE:ATTRIBUTE=VALUE"));
  put(folder / "cut.txt", "3\nSmiling Male\n000001.jpg -1\n");
  EXPECT_THAT(message_of([&] { select_by_attribute(*pictures, all, (folder / "cut.txt").string() + ":Male=1", silent()); }),
              AllOf(HasSubstr("line 3"), HasSubstr("2 fields, expected 3")));
}

}  // namespace
}  // namespace monge::data
