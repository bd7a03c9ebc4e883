#include "monge/data/open.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "monge/core/error.h"
#include "monge/data/arrays.h"
#include "monge/data/split.h"
#include "monge/io/archive.h"
#include "monge/io/image.h"
#include "monge/io/npy.h"
#include "tests/io/odd_images.h"
#include "tests/support/files.h"
#include "tests/support/support.h"

namespace monge::data {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using testing::ScratchFolder;
using testing::write_file;

std::string png() { return io::encode_png(torch::full({6, 6, 3}, 90, torch::kUInt8)); }

std::vector<int64_t> shape_of(const std::string& path) {
  const auto source = open_source({.path = path, .images = {.size = 8}});
  auto shape = source->item_shape();
  shape.insert(shape.begin(), source->size());
  return shape;
}

TEST(Open, TellsTheKindByThePath) {
  const ScratchFolder folder;
  std::filesystem::create_directory(folder / "set");
  write_file(folder / "set/a.png", png());
  write_file(folder / "set/b.png", png());
  write_file(folder / "one.PNG", png());
  io::write_archive(folder / "pack.TGZ", {{"a.png", png()}, {"b.png", png()}, {"c.png", png()}});
  io::write_npy(folder / "points.npy", torch::rand({5, 3}, torch::kFloat64));
  write_file(folder / "table.csv", "x,y\n1,2\n3,4\n");

  const auto at = [&](const char* name) { return shape_of((folder / name).string()); };
  EXPECT_THAT(at("set"), ElementsAre(2, 3, 8, 8));
  EXPECT_THAT(at("one.PNG"), ElementsAre(1, 3, 8, 8));
  EXPECT_THAT(at("pack.TGZ"), ElementsAre(3, 3, 8, 8));
  EXPECT_THAT(at("points.npy"), ElementsAre(5, 3));
  EXPECT_THAT(at("table.csv"), ElementsAre(2, 2));
  EXPECT_THAT(shape_of("toy:gaussian?dim=7"), ElementsAre(0, 7));
}

TEST(Open, TellsTheLogWhatItFoundAndLeftOut) {
  const ScratchFolder folder;
  write_file(folder / "a.png", png());
  write_file(folder / "b.png", "x");
  std::vector<std::string> infos, warnings;
  const LogSink log = [&](LogLevel level, const std::string& line) {
    (level == LogLevel::info ? infos : warnings).push_back(line);
  };
  open_source({.path = folder.path().string(), .images = {.size = 8, .on_error = "skip"}}, log);
  EXPECT_THAT(infos, ElementsAre(HasSubstr("1 items of shape [3, 8, 8]")));
  EXPECT_THAT(warnings, ElementsAre(AllOf(HasSubstr("1 images cannot be used"), HasSubstr("b.png"))));
  warnings.clear();
  open_source({.path = (folder / "a.png").string(), .images = {.cache_mb = 0}}, log);
  EXPECT_TRUE(warnings.empty());  // somebody who asks for no cache needs no warning that there is none
  write_file(folder / "c.gif", "x");
  write_file(folder / "notes.txt", "x");
  infos.clear();
  open_source({.path = folder.path().string(), .images = {.size = 8, .on_error = "skip"}}, log);
  EXPECT_THAT(infos, Contains(HasSubstr("1 file is not .png, .jpg, .webp, .tif or .svg")));
  EXPECT_THAT(warnings, Contains(HasSubstr("1 images in unsupported formats (.gif")));
}

TEST(Open, SaysWhatWasConvertedOnceASource) {
  const ScratchFolder folder;
  write_file(folder / "a.png", png());
  write_file(folder / "b.jpg", testing::cmyk_jpeg(torch::full({6, 6, 4}, 90, torch::kUInt8), true));
  write_file(folder / "c.png", testing::deep_png());
  write_file(folder / "d.png", testing::palette_png());
  write_file(folder / "e.png", "damaged");
  std::vector<std::string> logged;
  const LogSink log = [&](LogLevel level, const std::string& line) {
    if (level == LogLevel::info && line.find("converted") != std::string::npos) logged.push_back(line);
  };
  SourceOptions options{.path = folder.path().string(), .images = {.size = 8, .on_error = "skip"}};
  const auto whole = folder.path().string() + ": converted 1 CMYK, 1 16-bit and 1 palette images to 8-bit grey or RGB";
  open_source(options, log)->items({0, 1, 2, 3});
  EXPECT_THAT(logged, ElementsAre(whole));

  // Not decoded at once: each kind is told with the batch in which it first appears.
  std::filesystem::remove(folder / "e.png");
  options.images.cache_mb = 0;
  options.images.on_error = "fail";
  logged.clear();
  const auto source = open_source(options, log);
  EXPECT_TRUE(logged.empty());
  for (const int64_t i : {0, 1, 1, 2, 1, 2}) source->items({i, 0});
  EXPECT_THAT(logged, ElementsAre(HasSubstr("converted 1 CMYK image to 8-bit grey or RGB among 2"),
                                  HasSubstr("1 16-bit image")));
  logged.clear();
  open_source(options, log)->items({0, 1, 2, 3});
  EXPECT_THAT(logged, ElementsAre(whole));
}

TEST(Open, WarnsOfEntriesWithUnsafeNames) {
  const ScratchFolder folder;
  auto entry = [](std::string name) { return io::ArchiveEntry{std::move(name), png()}; };
  io::write_archive(folder / "a.tar", {entry("good.png"), entry("xx/bad1.png"), entry("xx/bad2.png")});
  // The writer refuses such names, so they are put in afterwards; the header's sum must follow.
  auto bytes = real_files().read(folder / "a.tar");
  for (size_t at; (at = bytes.find("xx/bad")) != std::string::npos;) {
    bytes.replace(at, 2, "..");
    const int sum = std::stoi(bytes.substr(at + 148, 6), nullptr, 8) - 2 * ('x' - '.');
    char octal[8];
    std::snprintf(octal, sizeof octal, "%06o", sum);
    bytes.replace(at + 148, 6, octal);
  }
  write_file(folder / "a.tar", bytes);
  std::vector<std::string> warnings;
  open_source({.path = (folder / "a.tar").string(), .images = {.size = 8}},
              [&](LogLevel level, const std::string& line) {
                if (level == LogLevel::warning) warnings.push_back(line);
              });
  EXPECT_THAT(warnings, ElementsAre(HasSubstr("a.tar: 2 entries are left out because of an unsafe name")));
}

TEST(Open, AFolderIsOneOfImagesWhateverItIsCalled) {
  const ScratchFolder folder;
  for (const char* name : {"my.csv", "set.tar", "a.npy"}) {
    std::filesystem::create_directory(folder / name);
    write_file(folder / name / "0.input.png", png());
    write_file(folder / name / "0.target.png", png());
    EXPECT_EQ(open_source({.path = (folder / name).string(), .images = {.size = 8}})->size(), 2) << name;
    EXPECT_EQ(open_source({.path = (folder / name).string() + "?member=*", .images = {.size = 8}})->size(), 2) << name;
    EXPECT_EQ(open_source({.path = (folder / name).string() + "?member=input.png", .images = {.size = 8}})->size(), 1)
        << name;
  }
}

TEST(Open, SaysWhatIsAccepted) {
  const ScratchFolder folder;
  const auto message = [](const std::string& path) { return message_of([&] { open_source({.path = path}); }); };
  EXPECT_THAT(message(""), HasSubstr("no data are named"));
  EXPECT_THAT(message((folder / "none.tar").string()),
              AllOf(HasSubstr("none.tar"), HasSubstr("no such file or folder")));
  write_file(folder / "film.mp4", "x");
  EXPECT_THAT(message((folder / "film.mp4").string()),
              AllOf(HasSubstr("film.mp4"), HasSubstr("\".mp4\""), HasSubstr("toy:NAME")));
  EXPECT_THAT(message("toy:"), HasSubstr("unknown toy law"));
  EXPECT_THAT(message("font:none.ttf"), AllOf(HasSubstr("none.ttf"), HasSubstr("no such file")));
}

TEST(Arrays, TakeVectorsAndImagesOfManyTypes) {
  const auto bytes = torch::tensor({0, 255, 51}, torch::kUInt8).view({1, 3, 1, 1});
  EXPECT_TRUE(torch::allclose(array_source("a", bytes)->items({0}).flatten(), torch::tensor({-1.f, 1.f, -0.6f})));
  const auto images = torch::rand({2, 3, 4, 4}) * 2 - 1;
  EXPECT_TRUE(torch::equal(array_source("a", images)->items({0, 1}), images));
  const auto whole = torch::tensor({300, -2}, torch::kInt64).view({2, 1});
  EXPECT_TRUE(torch::equal(array_source("a", whole)->items({0, 1}), whole.to(torch::kFloat32)));
  const auto byte_vectors = torch::tensor({7, 200}, torch::kUInt8).view({1, 2});
  EXPECT_TRUE(torch::equal(array_source("a", byte_vectors)->items({0}), byte_vectors.to(torch::kFloat32)));
}

TEST(Arrays, NameTheFirstValueThatIsNotFinite) {
  const ScratchFolder folder;
  auto table = torch::zeros({4, 3});
  table[2][1] = std::nanf("");
  table[3][0] = INFINITY;
  io::write_npy(folder / "holes.npy", table);
  EXPECT_THAT(message_of([&] { open_array(folder / "holes.npy"); }),
              AllOf(HasSubstr("holes.npy: 2 of its values"), HasSubstr("row 2, column 1"), HasSubstr("nan")));
  write_file(folder / "holes.csv", "1,2\n3,inf\n");
  EXPECT_THAT(message_of([&] { open_array(folder / "holes.csv"); }),
              AllOf(HasSubstr("holes.csv"), HasSubstr("row 1, column 1")));
  EXPECT_THAT(message_of([] { array_source("wide", torch::full({1, 1}, 1e300, torch::kFloat64)); }),
              HasSubstr("1e+300"));
  auto images = torch::zeros({2, 3, 4, 4});
  images[1][2][0][3] = std::nanf("");
  EXPECT_THAT(message_of([&] { array_source("i", images); }), HasSubstr("item 1, position [2, 0, 3]"));
}

TEST(Arrays, ReadTablesInDoubleWithTheirNames) {
  const ScratchFolder folder;
  write_file(folder / "a.csv", "cell,time,y\nA,1700000000.25,0.1\nB,1700000003.5,0.2\nC,1700000007,0.3\n");
  std::vector<std::string> lines;
  const auto log = [&](LogLevel, const std::string& line) { lines.push_back(line); };
  const auto source = open_source({.path = (folder / "a.csv").string()}, log);
  EXPECT_THAT(lines, ElementsAre((folder / "a.csv").string() +
                                 ": 3 rows x 2 columns: time, y (commas, header in line 1, index \"cell\")"));
  EXPECT_TRUE(torch::equal(source->exact_items({1, 0}),
                           torch::tensor({{1700000003.5, 0.2}, {1700000000.25, 0.1}}, torch::kFloat64)));
  EXPECT_TRUE(torch::equal(source->items({1}), torch::tensor({{1700000003.5f, 0.2f}})));
  EXPECT_EQ(source->number_type(), torch::kFloat64);
  const auto names = source->table_names();
  EXPECT_THAT(names.columns, ElementsAre("time", "y"));
  EXPECT_THAT(names.rows, ElementsAre("A", "B", "C"));
  EXPECT_EQ(names.index, "cell");

  const Subset part(source, {2, 0}, "[part]");
  EXPECT_THAT(part.table_names().rows, ElementsAre("C", "A"));
  EXPECT_THAT(part.table_names().columns, ElementsAre("time", "y"));
  EXPECT_TRUE(torch::equal(part.exact_items({0}), torch::tensor({{1700000007.0, 0.3}}, torch::kFloat64)));

  lines.clear();
  open_source({.path = (folder / "a.csv?columns=y").string()}, log);
  EXPECT_THAT(
      lines,
      ElementsAre(HasSubstr(
          "a.csv?columns=y: 3 rows x 1 column: y (commas, header in line 1, index \"cell\", 1 of 2 columns chosen)")));
  EXPECT_THAT(message_of([&] { open_source({.path = (folder / "b.csv?columns=y").string()}); }),
              HasSubstr("b.csv: no such file or folder"));
}

TEST(Arrays, TellWhichWholeNumbersAreRounded) {
  std::vector<std::string> lines;
  const auto log = [&](LogLevel level, const std::string& line) {
    EXPECT_EQ(level, LogLevel::warning);
    lines.push_back(line);
  };
  const auto counts = array_source("counts", torch::tensor({{16777216, 16777217}, {5, 33554436}}, torch::kInt64), log);
  EXPECT_THAT(lines, ElementsAre(AllOf(
                         HasSubstr("counts: 1 of its 4 values are whole numbers that float32 does not hold exactly"),
                         HasSubstr("row 0, column 1 (counted from 0): 16777217 becomes 16777216"))));
  EXPECT_EQ(counts->exact_items({0})[0][1].item<double>(), 16777217);
  lines.clear();
  array_source("large", torch::tensor({{int64_t{9007199254740993}}}, torch::kInt64), log);
  EXPECT_THAT(lines, ElementsAre(HasSubstr("float64 does not hold exactly, the first at row 0, column 0 (counted from "
                                           "0): 9007199254740993 becomes 9007199254740992"),
                                 HasSubstr("float32 does not hold exactly")));
  lines.clear();
  const auto small = array_source("small", torch::tensor({{65535}}, torch::kInt32).to(torch::kUInt16), log);
  EXPECT_THAT(lines, ElementsAre());
  EXPECT_EQ(small->items({0}).item<float>(), 65535);
}

TEST(Arrays, RefuseOtherShapesAndRanges) {
  const ScratchFolder folder;
  io::write_npy(folder / "flat.npy", torch::zeros({4}));
  EXPECT_THAT(message_of([&] { open_array(folder / "flat.npy"); }),
              AllOf(HasSubstr("flat.npy"), HasSubstr("[4]"), HasSubstr("[N, 1]")));
  EXPECT_THAT(message_of([] { array_source("a", torch::zeros({4, 5, 6})); }), HasSubstr("[4, 5, 6]"));
  EXPECT_THAT(message_of([] { array_source("a", torch::zeros({0, 3})); }), HasSubstr("empty"));
  EXPECT_THAT(message_of([] { array_source("a", torch::zeros({4, 8, 8, 3})); }), HasSubstr("channels to dimension 1"));
  EXPECT_THAT(message_of([] { array_source("a", torch::full({1, 3, 2, 2}, 255.f)); }),
              AllOf(HasSubstr("255"), HasSubstr("[-1, 1]")));
  write_file(folder / "ragged.csv", "1,2\n3\n");
  EXPECT_THAT(message_of([&] { open_array(folder / "ragged.csv"); }), HasSubstr("ragged.csv"));
}

}  // namespace
}  // namespace monge::data
