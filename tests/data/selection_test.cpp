#include "monge/data/selection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "monge/core/error.h"
#include "monge/io/image.h"
#include "tests/support/files.h"
#include "tests/support/support.h"

namespace monge::data {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using testing::ScratchFolder;
using testing::write_file;

TEST(Split, SaysWhatIsWrong) {
  for (const char* bad : {"", "train", "train=", "train=0", "train=1.5", "a=0.7,b=0.7", "a=0.5,a=0.5", "../x=0.5",
                          "a=0.5,", ".a=1", "a/b=1", "a=nan"}) {
    EXPECT_THAT(message_of([&] { parse_split(bad); }), HasSubstr("PackOptions::split")) << bad;
  }
}

TEST(Select, TakesCelebAsListAndCsv) {
  const ScratchFolder folder;
  for (const char* name : {"000001.jpg", "000002.jpg", "b/000003.jpg", "000004.jpg"})
    write_file(folder / "set" / name, io::encode_jpeg(torch::zeros({16, 16, 3}, torch::kUInt8)));
  write_file(folder / "list.txt", "3\nSmiling Male \n000001.jpg -1  1\n000002.jpg  1 -1\r\n000003.jpg -1 -1\n");
  write_file(folder / "list.csv", "image_id,Smiling,Male\n000001.jpg,-1,1\n000002.jpg,1,-1\n\"000003.jpg\",-1,-1\n");
  const auto images = open_image_collection(folder / "set", silent());
  const std::vector<int64_t> all{0, 1, 2, 3};
  for (const char* file : {"list.txt", "list.csv"}) {
    const auto rule = [&](const std::string& what) { return (folder / file).string() + ":" + what; };
    std::vector<std::string> logged;
    const auto log = [&](LogLevel, const std::string& line) { logged.push_back(line); };
    std::vector<std::string> names;
    for (const int64_t i : select_by_attribute(*images, all, rule("Male=-1"), log)) names.push_back(images->name(i));
    EXPECT_THAT(names, ElementsAre("000002.jpg", "b/000003.jpg"));
    ASSERT_EQ(logged.size(), 1u);
    EXPECT_THAT(logged[0], AllOf(HasSubstr("has no row for 1 of 4"), HasSubstr("000004.jpg")));
    EXPECT_THAT(message_of([&] { select_by_attribute(*images, all, rule("Mal=1"), silent()); }),
                AllOf(HasSubstr("Mal"), HasSubstr("did you mean")));
    EXPECT_THAT(message_of([&] { select_by_attribute(*images, all, rule("Male=2"), silent()); }),
                HasSubstr("none of 4"));
  }
  EXPECT_THAT(message_of([&] { select_by_attribute(*images, all, "Male=-1", silent()); }),
              HasSubstr("FILE:ATTRIBUTE=VALUE"));
  write_file(folder / "cut.txt", "3\nSmiling Male\n000001.jpg -1\n");
  EXPECT_THAT(
      message_of([&] { select_by_attribute(*images, all, (folder / "cut.txt").string() + ":Male=1", silent()); }),
      AllOf(HasSubstr("line 3"), HasSubstr("2 fields, expected 3")));
}

TEST(Select, TakesTablesAsSpreadsheetsAndPandasWriteThem) {
  const ScratchFolder folder;
  for (const char* name : {"1.png", "2.png", "3.png"})
    write_file(folder / "set" / name, io::encode_png(torch::zeros({16, 16, 3}, torch::kUInt8)));
  const auto images = open_image_collection(folder / "set", silent());
  const std::vector<int64_t> all{0, 1, 2};
  const auto select = [&](const std::string& content, const std::string& what) {
    write_file(folder / "list.csv", content);
    std::vector<std::string> names;
    for (const int64_t i : select_by_attribute(*images, all, (folder / "list.csv").string() + ":" + what, silent()))
      names.push_back(images->name(i));
    return names;
  };
  const std::string index_of_pandas = ",image_id,Male\n0,1.png,-1\n1,2.png,1\n2,3.png,1\n";
  for (const std::string& content : {
           std::string("\xef\xbb\xbfimage_id;Male\r\n1.png;-1\r\n2.png;1\r\n3.png;1\r\n"),  // a spreadsheet
           std::string("sep=;\nimage_id;Male\n1.png;-1\n2.png;1\n3.png;1\n"),
           std::string("image_id\tMale\n1.png\t-1\n2.png\t1\n3.png\t1\n"),
           std::string("image_id Male\n1.png  -1\n2.png   1\n3.png   1\n"),
           std::string("image_id,Male,\n1.png,-1,\n2.png,1,\n3.png,1,\n"),  // a separator ends each row
           index_of_pandas, "Unnamed: 0" + index_of_pandas,
           std::string(
               "\"image_id\" \"Male\"\n\"1\" \"1.png\" -1\n\"2\" \"2.png\" 1\n\"3\" \"3.png\" 1\n"),  // R's write.table
           std::string("\"Male\"\n\"1.png\" -1\n\"2.png\" 1\n\"3.png\" 1\n"),  // its row names are the images'
           std::string(",Male,Young\n1.png,-1,1\n2.png,1,1\n3.png,1,-1\n"),    // an index of pandas that is these
       }) {
    EXPECT_THAT(select(content, "Male=1"), ElementsAre("2.png", "3.png")) << content;
  }
  EXPECT_THAT(select("image_id,Note\n\"1.png\",\"a, \"\"b\"\"\"\n2.png,c\n3.png,c\n", "Note=a, \"b\""),
              ElementsAre("1.png"));

  const auto refused = [&](const std::string& content, const std::string& what) {
    return message_of([&] { select(content, what); });
  };
  EXPECT_THAT(refused(index_of_pandas, "Beard=1"),
              AllOf(HasSubstr("has no such attribute, got \"Beard\""), HasSubstr("allowed: Male)")));
  EXPECT_THAT(refused("image_id\n1.png\n", "Male=1"),
              AllOf(HasSubstr("has no attributes"), HasSubstr("commas, semicolons, tabs or blanks")));
  EXPECT_THAT(refused("image_id,Male\nface_1,-1\nface_2,1\n", "Male=1"),
              AllOf(HasSubstr("has no row for any of 3 images"),
                    HasSubstr("the column \"image_id\", which begins with \"face_1\""),
                    HasSubstr("the first image is \"1.png\"")));
  EXPECT_THAT(refused(",image_id,Male\n0,1.png,-1\n1,2.png\n", "Male=1"),
              AllOf(HasSubstr("line 3"), HasSubstr("2 fields, expected 3"), HasSubstr("behind an index")));
  EXPECT_THAT(refused("", "Male=1"), HasSubstr("the table of attributes is empty"));
}

}  // namespace
}  // namespace monge::data
