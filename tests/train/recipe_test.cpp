#include "monge/train/recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "monge/ot/otp.h"
#include "monge/ot/weak.h"
#include "tests/support/support.h"

namespace monge::train {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;

const char* const kPaths = "[source]\npath = \"toy:gaussian\"\n[target]\npath = \"toy:moons\"\n";

Recipe parse(const std::string& head, const std::vector<std::string>& set = {}) {
  return parse_recipe(head + kPaths, "a.toml", set);
}

TEST(Recipe, RefusesATextThatMessagesWouldEndAt) {
  EXPECT_THAT(message_of([] { parse_recipe("[source]\npath = \"\\u0000toy\"\n", "a.toml"); }),
              AllOf(HasSubstr("source.path holds the character U+0000"), HasSubstr("a.toml")));
}

TEST(Recipe, ReadsWhatIsWrittenAndKeepsTheRest) {
  const auto recipe = parse("method = \"weak\"\n[weak]\nz = 8\n[train]\nbetas = [0.5, 0.9]\nlr_map = 1\n");
  EXPECT_EQ(recipe.method, "weak");
  EXPECT_EQ(recipe.section<ot::WeakOptions>().z, 8);
  EXPECT_EQ(recipe.train.betas, (std::vector<double>{0.5, 0.9}));
  EXPECT_EQ(recipe.train.lr_map, 1.0);
  EXPECT_EQ(recipe.section<ot::WeakOptions>().gamma1, 0.66);
}

TEST(Recipe, SurvivesItsOwnText) {
  auto recipe = parse("method = \"kernel\"\n[train]\nmilestones = [10, 20]\neps = 1e-12\n[cost]\nscale = 0.001\n");
  for (const bool commented : {false, true}) {
    const auto text = recipe.options().to_toml(commented);
    auto again = parse_recipe(text, "again.toml");
    EXPECT_EQ(again.options().to_toml(commented), text);
  }
}

// A run is resumed from its recipe's text, so a path that the text cannot hold must be refused before training.
TEST(Recipe, HoldsEveryPathThatTomlCan) {
  for (const std::string path : {"a\tb\r\n\x01\x7f", "quote\" back\\slash", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"}) {
    auto recipe = parse("");
    recipe.source.path = path;
    EXPECT_EQ(parse_recipe(recipe.options().to_toml(true), "again.toml").source.path, path);
  }
  for (const std::string path :
       {"\xff", "a\xc3", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80"}) {
    auto recipe = parse("");
    recipe.source.path = path;
    EXPECT_THAT(message_of([&] { recipe.options().to_toml(true); }),
                AllOf(HasSubstr("source.path"), HasSubstr("not UTF-8")));
  }
}

TEST(Recipe, NamesTheNearestOfAnUnknownKeyWithItsLine) {
  EXPECT_THAT(message_of([] { parse("[weak]\ngama1 = 0.5\n"); }),
              AllOf(HasSubstr("a.toml, line 2"), HasSubstr("weak.gama1"), HasSubstr("did you mean \"weak.gamma1\"")));
  EXPECT_THAT(message_of([] { parse("", {"train.bach=3"}); }),
              AllOf(HasSubstr("assignment"), HasSubstr("train.batch")));
}

TEST(Recipe, RefusesWrongTypesValuesAndWords) {
  EXPECT_THAT(message_of([] { parse("", {"train.batch=0"}); }),
              AllOf(HasSubstr("train.batch"), HasSubstr("got 0"), HasSubstr("1 to")));
  EXPECT_THAT(message_of([] { parse("", {"train.batch=many"}); }), AllOf(HasSubstr("whole number"), HasSubstr("many")));
  EXPECT_THAT(message_of([] { parse("", {"train.batch=1.5"}); }), HasSubstr("whole number"));
  EXPECT_THAT(message_of([] { parse("", {"method=wek"}); }),
              AllOf(HasSubstr("strong, weak"), HasSubstr("did you mean \"weak\"")));
  EXPECT_THAT(message_of([] { parse("", {"train.lr_map=nan"}); }), HasSubstr("train.lr_map"));
  EXPECT_THAT(message_of([] { parse("", {"train.betas=[0.9]"}); }),
              AllOf(HasSubstr("train.betas"), HasSubstr("[b1, b2]")));
  EXPECT_THAT(message_of([] { parse("", {"nonsense"}); }), HasSubstr("section.key=value"));
}

TEST(Recipe, RefusesASingleDrawWithWeakAndSaysWhatToSet) {
  EXPECT_THAT(message_of([] { parse("method = \"weak\"\n[weak]\nz = 1\n"); }),
              AllOf(HasSubstr("Z = 1"), HasSubstr("weak.z = 2 or more"), HasSubstr("strong")));
}

TEST(Recipe, WantsBothSources) {
  EXPECT_THAT(message_of([] { parse_recipe("method = \"strong\"\n", "a.toml"); }),
              AllOf(HasSubstr("source.path"), HasSubstr("assignment source.path=PATH")));
}

TEST(Recipe, ThatWasSavedBeforeThereWereKeysKeepsWhatWasDoneThen) {
  Recipe recipe;
  recipe.source.path = recipe.target.path = "toy:moons";
  std::string old;
  std::istringstream lines(recipe.options().to_toml(false));
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("exif") && !line.starts_with("colour") && !line.starts_with("range")) old += line + '\n';
  }
  EXPECT_EQ(saved_recipe(old, "old").source.exif, "ignore");
  EXPECT_EQ(saved_recipe(old, "old").target.colour, "rgb");
  EXPECT_EQ(saved_recipe(old, "old").source.range, "full");
  EXPECT_EQ(parse_recipe(old, "new").source.exif, "apply");
  EXPECT_EQ(parse_recipe(old, "new").source.colour, "auto");
  EXPECT_EQ(saved_recipe(recipe.options().to_toml(false), "new").source.exif, "apply");
}

TEST(Recipe, SaysWhereTheTomlIsBroken) {
  EXPECT_THAT(message_of([] { parse_recipe("name = \"a\"\nmethod = strong\n", "a.toml"); }),
              HasSubstr("a.toml, line 2"));
}

// Each of these ended a program that was built with assertions.
TEST(Recipe, RefusesAHeaderThatBeginsWithNoKey) {
  for (const char* header : {"[!]", "[\x01]", "[[=]]"}) {
    EXPECT_THAT(message_of([&] { parse(std::string(header) + "\n"); }),
                AllOf(HasSubstr("a.toml, line 1: not valid TOML"), HasSubstr("expected bare key")))
        << header;
  }
}

// What follows such a value was undefined in toml++.
TEST(Recipe, RefusesALetterAfterANumber) {
  for (const char* letter : {"\u0191", "\u00e9", "\u0416", "\u6f22", "\ufb01", "\U0001d54f"}) {
    EXPECT_THAT(message_of([&] { parse(std::string("seed = 3") + letter + "\n"); }),
                HasSubstr("a.toml, line 1: not valid TOML"))
        << letter;
    EXPECT_FALSE(toml_value(std::string("3") + letter).has_value()) << letter;
  }
}

TEST(Recipe, NamesAMissingFile) {
  EXPECT_THAT(message_of([] { read_recipe("no/such.toml", {}); }),
              AllOf(HasSubstr("no/such.toml"), HasSubstr("no such file")));
}

TEST(Recipe, TakesItsOwnPathsFromItsFolderAndThoseOfSetFromTheWorkingFolder) {
  testing::ScratchFolder scratch;
  std::filesystem::create_directory(scratch / "faces");
  std::ofstream(scratch / "r.toml") << "[source]\npath = \"faces\"\n[target]\npath = \"faces\"\n";
  const auto recipe = read_recipe(scratch / "r.toml", {"target.path=faces"});
  EXPECT_EQ(recipe.source.path, (scratch / "faces").string());
  EXPECT_EQ(recipe.target.path, "faces");
}

TEST(Recipe, ShardsAndColumnsAreRelativeToItsFolderToo) {
  const testing::ScratchFolder folder;
  for (const char* name : {"a-00.tar", "b.parquet", "odd?name.png", "t-0.parquet"}) std::ofstream(folder / name) << "x";
  const auto resolved = [&](const std::string& path) {
    return parse_recipe("[source]\npath = \"" + path + "\"\n[target]\npath = \"toy:moons\"", "r.toml", {},
                        folder.path())
        .source.path;
  };
  for (const char* name :
       {"a-{00..12}.tar", "b.parquet?column=image", "odd?name.png", "t-{0..3}.parquet?column=x{1..2}"})
    EXPECT_EQ(resolved(name), (folder / name).string());
  for (const char* name : {"c-{00..12}.tar", "c.parquet?column=image", "a-{00.tar"})
    EXPECT_EQ(resolved(name), name) << "it is not there";
}

TEST(Recipe, ListsOfNamesAreRelativeToItsFolderToo) {
  const testing::ScratchFolder folder;
  std::filesystem::create_directory(folder / "emoji");
  std::ofstream(folder / "list.txt") << "a\n";
  const auto resolved = [&](const std::string& path) {
    return parse_recipe("[source]\npath = \"" + path + "\"\n[target]\npath = \"toy:moons\"", "r.toml", {},
                        folder.path())
        .source.path;
  };
  const auto set = (folder / "emoji").string(), list = (folder / "list.txt").string();
  EXPECT_EQ(resolved("emoji?groups=line*&names=list.txt&part=1/2"), set + "?groups=line*&names=" + list + "&part=1/2");
  EXPECT_EQ(resolved("emoji?names=list.txt"), set + "?names=" + list);
  EXPECT_EQ(resolved("/x/emoji?names=list.txt"), "/x/emoji?names=" + list);
  EXPECT_EQ(resolved("emoji?names=none.txt"), set + "?names=none.txt");
  EXPECT_EQ(resolved("emoji?names=/x/list.txt"), set + "?names=/x/list.txt");
  EXPECT_EQ(resolved("emoji?filenames=list.txt"), set + "?filenames=list.txt");
}

// Every recipe of the repository must be readable; the seed's have no paths of their own.
TEST(Recipe, AllThatAreShippedAreValid) {
  int found = 0;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(std::filesystem::path(MONGE_SOURCE_DIR) / "recipes")) {
    if (entry.path().extension() != ".toml") continue;
    ++found;
    EXPECT_NO_THROW(read_recipe(entry.path(), {"source.path=x", "target.path=y"})) << entry.path();
  }
  EXPECT_GE(found, 6);
}

TEST(Recipe, ALongerRunKeepsTheLengthOfItsAnnealing) {
  Recipe recipe;
  recipe.method = "otp";
  recipe.section<ot::OtpOptions>().anneal = 0.7;
  recipe.train.iterations = 1000;
  solve::keep_annealing(recipe, 1000);
  EXPECT_EQ(recipe.section<ot::OtpOptions>().anneal, 0.7) << "to the last bit: a resumed run must not differ";
  recipe.train.iterations = 2000;
  solve::keep_annealing(recipe, 1000);
  EXPECT_DOUBLE_EQ(recipe.section<ot::OtpOptions>().anneal, 0.35);
  recipe.train.iterations = 500;
  EXPECT_THAT(testing::message_of([&] { solve::keep_annealing(recipe, 2000); }),
              AllOf(HasSubstr("500"), HasSubstr("700 iterations")));
}

}  // namespace
}  // namespace monge::train
