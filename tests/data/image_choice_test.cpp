#include "monge/data/image_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "monge/core/error.h"
#include "monge/data/check.h"
#include "monge/data/check_table.h"
#include "monge/data/image_collection.h"
#include "monge/data/image_set.h"
#include "monge/data/images.h"
#include "monge/data/open.h"
#include "monge/data/pack.h"
#include "monge/data/packed_set.h"
#include "monge/io/archive.h"
#include "tests/support/files.h"
#include "tests/support/support.h"

namespace monge::data {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using testing::ScratchFolder;
using testing::write_file;

/// A red square of the whole image in the group "color", and a black left half over it in the group "line".
std::string two_groups(const std::string& fill = "#ff0000", const std::string& size = "viewBox=\"0 0 8 8\"") {
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" " + size +
         "><g id=\"color\"><rect width=\"99\" height=\"99\" fill=\"" + fill +
         "\"/></g><g id=\"line\"><rect width=\"4\" height=\"8\"/></g></svg>";
}

class Choices : public ::testing::Test {
 protected:
  Choices() {
    for (int i = 0; i < 40; ++i) write_file(folder / text("svg/", i < 10 ? "a" : "b", "/", i, ".svg"), two_groups());
    set = (folder / "svg").string();
  }
  static std::set<std::string> names_in(const std::string& path) {
    const auto images = open_image_collection(path, silent());
    std::set<std::string> out;
    for (int64_t i = 0; i < images->size(); ++i) out.insert(images->name(i));
    return out;
  }
  static ImageOptions sized(int64_t side) {
    ImageOptions out;
    out.size = side;
    return out;
  }

  const ScratchFolder folder;
  std::string set;
};

TEST_F(Choices, ListsOfNames) {
  const auto list = folder / "list.txt";
  write_file(list, "# some\r\na/3.svg\r\n\nb/12\na/3\n");
  EXPECT_THAT(names_in(set + "?names=" + list.string()), ElementsAre("a/3.svg", "b/12.svg"));
  write_file(list, "a/3.svg\nc/1.svg\nc/2\n");
  EXPECT_THAT(message_of([&] { names_in(set + "?names=" + list.string()); }),
              AllOf(HasSubstr("list.txt: lists 2 names"), HasSubstr("\"c/1.svg\""), HasSubstr("\"c/2\"")));
  write_file(list, "# none\n");
  EXPECT_THAT(message_of([&] { names_in(set + "?names=" + list.string()); }), HasSubstr("lists no names"));
  EXPECT_THAT(message_of([&] { names_in(set + "?names="); }), HasSubstr("names= needs a file"));
  EXPECT_THAT(message_of([&] { names_in(set + "?names=none.txt"); }), HasSubstr("none.txt"));
}

TEST_F(Choices, PartsAreDisjointAndAlikeWhateverTheExtension) {
  std::set<std::string> all;
  size_t sum = 0;
  for (const char* part : {"1/3", "2/3", "3/3"}) {
    const auto names = names_in(set + "?part=" + part);
    EXPECT_GT(names.size(), 5u);
    sum += names.size();
    all.insert(names.begin(), names.end());
  }
  EXPECT_EQ(sum, 40u);
  EXPECT_EQ(all.size(), 40u);
  // A part does not depend on the other images or on the extension.
  const auto part = names_in(set + "?part=1/3");
  for (const auto& name : part) write_file(folder / ("png/" + name.substr(0, name.size() - 4) + ".png"), two_groups());
  EXPECT_EQ(names_in((folder / "png").string() + "?part=1/3").size(), part.size());
  EXPECT_THAT(message_of([&] { names_in((folder / "png").string() + "?part=2/3"); }),
              AllOf(HasSubstr("part 2/3 of its"), HasSubstr("is empty")));
  EXPECT_THAT(message_of([&] { names_in(set + "?part=3/2"); }), AllOf(HasSubstr("k/n"), HasSubstr("\"3/2\"")));
}

TEST_F(Choices, PartnersOfASampleAreInOnePart) {
  std::vector<io::ArchiveEntry> entries;
  for (int i = 0; i < 20; ++i) {
    for (const char* member : {"input.svg", "target.svg"}) entries.push_back({text(i, ".", member), two_groups()});
  }
  const auto archive = (folder / "pairs.tar").string();
  io::write_archive(archive, entries);
  for (const auto& name : names_in(archive + "?member=input.svg&part=1/2")) {
    const auto sample = name.substr(0, name.find('.'));
    EXPECT_EQ(names_in(archive + "?part=1/2&member=target.svg").count(sample + ".target.svg"), 1u) << name;
  }
}

TEST_F(Choices, UnknownParametersAreNamed) {
  EXPECT_THAT(
      message_of([&] { names_in(set + "?gruops=line"); }),
      AllOf(HasSubstr("\"gruops\""), HasSubstr("member, groups, names, part"), HasSubstr("did you mean \"groups\"")));
  EXPECT_THAT(message_of([&] { names_in(set + "?groups=line&prat=1/2"); }), HasSubstr("\"prat\""));
  EXPECT_THAT(message_of([&] { names_in(set + "?groups="); }), HasSubstr("names no group of a drawing"));
  EXPECT_THAT(message_of([&] { names_in(set + "?groups=a,,b"); }), HasSubstr("names no group of a drawing"));
}

TEST_F(Choices, SourcesDrawTheGroupsAtTheirSize) {
  const ImageSource lines(set + "?groups=line&part=1/2", sized(32)), whole(set, sized(32));
  EXPECT_TRUE(lines.is_quick()) << "drawn once and kept";
  EXPECT_EQ(lines.item_shape(), (std::vector<int64_t>{3, 32, 32}));
  const auto drawn = lines.items({0})[0], coloured = whole.items({0})[0];
  EXPECT_EQ(drawn.select(2, 8).max().item<float>(), -1) << "black";
  EXPECT_EQ(drawn.select(2, 24).min().item<float>(), 1) << "white where the drawing is transparent";
  EXPECT_EQ(coloured[0][16][24].item<float>(), 1);
  EXPECT_EQ(coloured[1][16][24].item<float>(), -1) << "red";
  auto dark = sized(16);
  dark.background = "#0000ff";
  const ImageSource on_blue(set + "?groups=line", dark);
  EXPECT_EQ(on_blue.items({0})[0][2][8][12].item<float>(), 1);
  EXPECT_THAT(message_of([&] { ImageSource(set + "?groups=lime", sized(16)); }),
              AllOf(HasSubstr("no drawing has any of the chosen groups, got lime (allowed: color, line)"),
                    HasSubstr("did you mean \"line\"")));
  write_file(folder / "svg/a/0.svg", "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1 1'><g id='x'/></svg>");
  EXPECT_THAT(
      message_of([&] { ImageSource(set + "?groups=line", sized(16)); }),
      AllOf(HasSubstr("1 of 40 images cannot be used"), HasSubstr("none of the chosen groups, got line (allowed: x)")));
  write_file(folder / "png/a.png", io::encode_png(torch::zeros({4, 4, 3}, torch::kUInt8)));
  EXPECT_THAT(message_of([&] { names_in((folder / "png").string() + "?groups=line"); }),
              HasSubstr("holds no SVG drawings"));
}

TEST_F(Choices, OpenSourceTakesFoldersFilesAndArchives) {
  io::write_archive(folder / "x.zip",
                    {{"q.svg", two_groups()}, {"r.png", io::encode_png(torch::zeros({4, 4, 3}, torch::kUInt8))}});
  SourceOptions options;
  options.images = sized(8);
  for (const auto& path : {set + "/a/3.svg?groups=line", set + "?groups=line", (folder / "x.zip").string()}) {
    options.path = path;
    EXPECT_EQ(open_source(options)->item_shape(), (std::vector<int64_t>{3, 8, 8})) << path;
  }
  write_file(folder / "list.txt", "q\n");
  for (const auto& path : {set + "?names=" + (folder / "none.csv").string(),
                           (folder / "x.zip").string() + "?names=" + (folder / "none.csv").string()}) {
    EXPECT_FALSE(names_table(path)) << path;
    options.path = path;
    EXPECT_THAT(message_of([&] { open_source(options); }), AllOf(HasSubstr("none.csv"), HasSubstr("no such file")))
        << path;
  }
  options.path = (folder / "x.zip").string() + "?names=" + (folder / "list.txt").string();
  EXPECT_FALSE(names_table(options.path));
  EXPECT_EQ(open_source(options)->size(), 1);
  EXPECT_EQ(ImageSet(options.path).size(), 1);
  options.path = (folder / "x.zip").string() + "?groups=line";
  EXPECT_THAT(message_of([&] { open_source(options); }),
              AllOf(HasSubstr("1 of 2 images"), HasSubstr("r.png: is not an SVG")));
  options.images.on_error = "skip";
  EXPECT_EQ(open_source(options)->size(), 1);
}

TEST_F(Choices, PacksAndChecksFollowThem) {
  PackOptions options;
  options.preparation.height = options.preparation.width = 16;
  const std::atomic<bool> stop(false);
  const auto lines = pack(set + "?groups=line&part=1/2", folder / "lines", options, silent(), {}, stop);
  EXPECT_EQ(lines.found, static_cast<int64_t>(names_in(set + "?part=1/2").size()));
  const ImageSource packed(folder / "lines", sized(16)), direct(set + "?groups=line&part=1/2", sized(16));
  EXPECT_TRUE(torch::equal(packed.items({0, 1}), direct.items({0, 1})));
  EXPECT_THAT(message_of([&] { pack(set + "?groups=color&part=1/2", folder / "lines", options, silent(), {}, stop); }),
              HasSubstr("other images or options"));
  EXPECT_TRUE(pack(set + "?groups=line&part=1/2", folder / "lines", options, silent(), {}, stop).parts[0].was_there);
  EXPECT_THAT(message_of([&] { open_image_collection((folder / "lines").string() + "?groups=line", silent()); }),
              HasSubstr("raw pixels, which have no groups"));
  EXPECT_GT(names_in((folder / "lines").string() + "?part=1/2").size(), 1u) << "other choices apply to packed sets";
  options.encoded = true;
  EXPECT_THAT(message_of([&] { pack(set + "?groups=line", folder / "files", options, silent(), {}, stop); }),
              HasSubstr("chosen groups of drawings would be lost"));
  EXPECT_EQ(pack(set, folder / "files", options, silent(), {}, stop).parts[0].images, 40);
  EXPECT_EQ(ImageSource((folder / "files").string() + "?groups=line", sized(8)).size(), 40);

  write_file(folder / "svg/a/broken.svg", "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1 1'><g>");
  const auto report = check_images(set + "?groups=line", {}, silent(), {}, stop);
  EXPECT_EQ(report.images, 41);
  EXPECT_THAT(report.corrupt, ElementsAre(AllOf(HasSubstr("broken.svg"), HasSubstr("SVG"))));
  EXPECT_THAT(report.channels, ElementsAre(std::pair<const int64_t, int64_t>(4, 40)));
}

/// The mean difference of a drawing of `svg` by the options from its drawing at 32 times the size, resized.
double difference_from_pixels(const std::string& svg, PreparationOptions options, io::ImageNotes& notes) {
  const Preparation preparation(options);
  const auto direct = io::decode_image(svg, "a.svg", preparation.decoding(), &notes);
  auto drawn = torch::empty({options.height, options.width, 3}, torch::kUInt8), resized = torch::empty_like(drawn);
  preparation.write(direct, drawn.data_ptr<uint8_t>(), &notes);
  const auto large = io::decode_image(svg, "a.svg");  // at the size that it states, which is large
  io::ImageNotes ignored;
  preparation.write(large, resized.data_ptr<uint8_t>(), &ignored);
  EXPECT_EQ(notes.cropped, ignored.cropped);
  return (drawn.to(torch::kFloat64) - resized.to(torch::kFloat64)).abs().mean().item<double>();
}

TEST(DrawnImages, AreWhatPixelsWouldBecome) {
  const auto svg = [](const std::string& size) {
    return "<svg xmlns='http://www.w3.org/2000/svg' " + size +
           "><rect width='100%' height='100%' fill='#dd8'/><circle cx='380' cy='300' r='250' fill='#07a' stroke='#111' "
           "stroke-width='40'/><path d='M0 0L900 700' stroke='#a11' stroke-width='70'/></svg>";
  };
  const auto wide = svg("width='1000' height='640'");
  PreparationOptions options;
  options.height = options.width = 40;
  options.filter = "box";            // drawing averages over a pixel, too
  constexpr double kRounding = 1.5;  // of 255: coverage is sampled on a fine grid
  io::ImageNotes notes;
  EXPECT_LT(difference_from_pixels(wide, options, notes), kRounding);
  EXPECT_TRUE(notes.cropped);
  options.crop = "none";
  EXPECT_LT(difference_from_pixels(wide, options, notes), kRounding);
  EXPECT_FALSE(notes.cropped);
  options.crop = "500x400+100,-50";
  EXPECT_LT(difference_from_pixels(wide, options, notes), kRounding);
  options.resize_to = 320;
  options.crop = "200x200-30,10";
  options.height = 20;
  options.width = 50;
  EXPECT_LT(difference_from_pixels(wide, options, notes), kRounding);
  options = {};
  options.height = 30;
  options.width = 90;
  options.filter = "box";
  EXPECT_LT(difference_from_pixels(wide, options, notes), kRounding) << "a rectangle";
  options.crop = "5000x5000";
  EXPECT_THAT(message_of([&] { difference_from_pixels(wide, options, notes); }),
              AllOf(HasSubstr("a.svg: the crop of 5000x5000"), HasSubstr("1000x640")));
}

}  // namespace
}  // namespace monge::data
