#include "monge/data/member_path.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/data/image_collection.h"
#include "monge/io/archive.h"
#include "tests/support/support.h"

namespace monge::data {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::message_of;
using testing::ScratchFolder;

std::string png_of(int value) { return io::encode_png(torch::full({4, 4, 3}, value, torch::kUInt8)); }

class Members : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::vector<std::string>& entries) const {
    std::vector<io::ArchiveEntry> out;
    for (const auto& entry : entries)
      out.push_back({entry, entry.ends_with(".json") ? std::string("{}") : png_of(static_cast<int>(out.size()))});
    io::write_archive(folder / name, out);
  }
  std::vector<std::string> names_of(const std::string& path) {
    logged.clear();
    const auto images =
        open_image_collection(folder / path, [&](LogLevel, const std::string& line) { logged.push_back(line); });
    std::vector<std::string> out;
    for (int64_t i = 0; i < images->size(); ++i) out.push_back(images->name(i));
    return out;
  }

  const ScratchFolder folder;
  std::vector<std::string> logged;
  const std::vector<std::string> pairs = {"000.input.png", "000.target.png", "000.json",
                                          "001.input.png", "001.target.png", "001.json"};
};

TEST(MemberPath, IsTakenApart) {
  EXPECT_EQ(member_path("a.tar").set, "a.tar");
  EXPECT_TRUE(member_path("a.tar").members.empty());
  EXPECT_EQ(member_path("x?y/a-{0..3}.tar?member=Input.PNG").set, "x?y/a-{0..3}.tar");
  EXPECT_THAT(member_path("a.tar?member=Input.PNG").members, ElementsAre("input.png"));
  EXPECT_THAT(member_path("a.tar?member=jpg;.png").members, ElementsAre("jpg", "png"));
  EXPECT_TRUE(member_path("a.tar?member=*").all);
  EXPECT_EQ(member_path("a.parquet?column=x").set, "a.parquet?column=x") << "not ours";
  for (const char* bad : {"a.tar?member=", "a.tar?member=a;", "a.tar?member=x/y.png"}) {
    EXPECT_THAT(message_of([&] { member_path(bad); }), AllOf(HasSubstr(bad), HasSubstr("names no member"))) << bad;
  }
}

TEST(MemberPath, ASampleIsWhatStandsBeforeTheFirstDotOfTheBaseName) {
  EXPECT_EQ(sample_name("a.b/000.input.png").sample, "a.b/000");
  EXPECT_EQ(sample_name("a.b/000.input.png").member, "input.png");
  EXPECT_EQ(sample_name("000").sample, "000");
  EXPECT_EQ(sample_name("000").member, "");
}

TEST_F(Members, OfATarAZipAFolderAndShardsAreChosen) {
  write("p-0.tar", pairs);
  write("p-1.tar", {"002.target.png", "002.input.png"});
  write("p.tar.gz", pairs);
  write("p.zip", pairs);
  for (const auto& name : pairs) {
    if (name.ends_with(".png")) real_files().replace(folder / name, png_of(1));
  }
  std::filesystem::create_directory(folder / "f");
  for (const char* name : {"000.input.png", "000.target.png"})
    std::filesystem::copy_file(folder / name, folder / "f" / name);
  for (const char* set : {"p-0.tar", "p.tar.gz", "p.zip"}) {
    EXPECT_THAT(names_of(std::string(set) + "?member=input.png"), ElementsAre("000.input.png", "001.input.png")) << set;
    EXPECT_THAT(logged, IsEmpty()) << set;
  }
  EXPECT_THAT(names_of("p-{0..1}.tar?member=target.png"),
              ElementsAre("p-0/000.target.png", "p-0/001.target.png", "p-1/002.target.png"));
  EXPECT_THAT(names_of("f?member=target.png"), ElementsAre("000.target.png"));
  EXPECT_EQ(names_of("p-0.tar?member=*").size(), 4u);
  EXPECT_TRUE(holds_images(folder / "p-0.tar?member=input.png"));
  EXPECT_TRUE(images_exist((folder / "p-{0..1}.tar?member=input.png").string()));
  EXPECT_FALSE(images_exist((folder / "q.tar?member=input.png").string()));
}

TEST_F(Members, MustBeChosenWhereSamplesHaveSeveral) {
  write("p-0.tar", pairs);
  write("p.tar.gz", pairs);
  write("dirs.tar", {"a/0.input.png", "a/0.target.png", "b/0.input.png", "b/0.target.png"});
  for (const char* set : {"p-0.tar", "p.tar.gz", "p-{0..0}.tar", "dirs.tar"}) {
    EXPECT_THAT(message_of([&] { names_of(set); }),
                AllOf(HasSubstr("2 of 2 samples have several images, and none is chosen"),
                      HasSubstr("input.png, target.png"), HasSubstr("?member=input.png")))
        << set;
  }
  EXPECT_THAT(names_of("dirs.tar?member=input.png"), ElementsAre("a/0.input.png", "b/0.input.png"));
}

// Dots are common in names that have nothing to do with samples.
TEST_F(Members, AreNotSeenInFramesAndOtherNamesWithDots) {
  write("frames.tar", {"film.0001.png", "film.0002.png", "film.0003.png"});
  EXPECT_EQ(names_of("frames.tar").size(), 3u);
  EXPECT_THAT(logged, ElementsAre(AllOf(HasSubstr("1 name has several images"), HasSubstr("?member=NAME"))));
  write("odd.tar", {"a.png", "b.png", "c.red.png", "c.blue.png"});
  EXPECT_EQ(names_of("odd.tar").size(), 4u);
  EXPECT_THAT(logged, ElementsAre(HasSubstr("1 name has several images")));
  write("plain.tar", {"a.png", "a.json", "b.v2.png"});
  EXPECT_EQ(names_of("plain.tar").size(), 2u);
  EXPECT_THAT(logged, IsEmpty());
}

TEST_F(Members, OfSeveralChosenOnesASampleGivesItsFirst) {
  write("m.tar", {"0.jpg.png", "0.png", "1.png", "2.cls.png"});
  EXPECT_THAT(names_of("m.tar?member=jpg.png;png"), ElementsAre("0.jpg.png", "1.png"));
  EXPECT_THAT(names_of("m.tar?member=png;jpg.png"), ElementsAre("0.png", "1.png"));
}

TEST_F(Members, ThatAreNotThereAreRefusedWithThoseThatAre) {
  write("p-0.tar", pairs);
  EXPECT_THAT(message_of([&] { names_of("p-0.tar?member=inptu.png"); }),
              AllOf(HasSubstr("no sample has the chosen member"), HasSubstr("\"input.png\" (2), \"target.png\" (2)"),
                    HasSubstr("did you mean \"input.png\"?")));
  real_files().replace(folder / "one.png", png_of(1));
  EXPECT_THAT(message_of([&] { names_of("one.png?member=png"); }), HasSubstr("is one file"));
}

TEST_F(Members, WhatIsOnTheDiskGoesFirst) {
  write("real.tar", {"a.png"});
  std::filesystem::rename(folder / "real.tar", folder / "a?member=input.tar");
  EXPECT_THAT(names_of("a?member=input.tar"), ElementsAre("a.png"));
}

}  // namespace
}  // namespace monge::data
