#include "monge/data/glyphs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "monge/core/error.h"
#include "tests/support/support.h"

namespace monge::data {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;
using testing::ScratchFolder;

const std::string kFont = "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf";

#define MONGE_NEEDS_FONT()             \
  if (!std::filesystem::exists(kFont)) \
  GTEST_SKIP() << "needs the font of Debian's fonts-noto-color-emoji, which is not here"

std::set<std::string> names_of(const Source& source) {
  std::set<std::string> out;
  for (int64_t i = 0; i < source.size(); ++i) out.insert(source.item_name(i));
  return out;
}

TEST(Glyphs, AreDistinctImagesInPartsThatAreDisjointAndAlike) {
  MONGE_NEEDS_FONT();
  const auto whole = open_glyphs("font:" + kFont, 32);
  const auto first = open_glyphs("font:" + kFont + "?part=1/2&mode=grey&size=16", 8);
  const auto second = open_glyphs("font:" + kFont + "?part=2/2", 8);

  EXPECT_GE(whole->size(), 1000);
  EXPECT_EQ(first->size() + second->size(), whole->size());
  EXPECT_LE(first->size() - second->size(), 1);
  auto both = names_of(*first);
  both.merge(names_of(*second));
  EXPECT_EQ(both, names_of(*whole)) << "no glyph is in both parts, or in neither, at any size";

  EXPECT_EQ(first->item_shape(), (std::vector<int64_t>{3, 16, 16}));
  const auto grey = first->items({0, 5, 9});
  EXPECT_TRUE(torch::equal(grey.select(1, 0), grey.select(1, 2)));
  const auto colour = second->items({0, 5, 9});
  EXPECT_FALSE(torch::equal(colour.select(1, 0), colour.select(1, 2)));
  // Halves of one set of images: their mean images differ by far less than two images do.
  const auto mean = [](const TensorSource& s) { return s.rows().to(torch::kFloat32).mean(); };
  EXPECT_NEAR(mean(*second).item<double>(), mean(*whole).item<double>(), 5);

  const auto rows = whole->rows().flatten(1);
  EXPECT_LT(std::get<0>(rows.min(1)).max().item<int>(), 255) << "none is blank";
  // Repetitions are dropped before the resize, after which a few images may meet.
  EXPECT_GE(std::get<0>(torch::unique_dim(rows, 0)).size(0), whole->size() * 99 / 100);
}

TEST(Glyphs, SayWhatIsWrongWithTheLine) {
  const auto message = [](const std::string& line) { return message_of([&] { open_glyphs(line, 32); }); };
  EXPECT_THAT(message("font:x.ttf?part=3/2"), AllOf(HasSubstr("k/n"), HasSubstr("\"3/2\"")));
  EXPECT_THAT(message("font:x.ttf?part=0/2"), HasSubstr("\"0/2\""));
  EXPECT_THAT(message("font:x.ttf?part=1"), HasSubstr("\"1\""));
  EXPECT_THAT(message("font:x.ttf?part=1/2/3"), HasSubstr("\"1/2/3\""));
  EXPECT_THAT(message("font:x.ttf?mode=gray"), AllOf(HasSubstr("\"gray\""), HasSubstr("colour, grey")));
  EXPECT_THAT(message("font:x.ttf?sise=3"), AllOf(HasSubstr("\"sise\""), HasSubstr("did you mean \"size\"")));
  EXPECT_THAT(message("font:x.ttf?size=0"), HasSubstr("1 to 1024"));
  EXPECT_THAT(message("font:"), HasSubstr("names no font"));
}

TEST(Glyphs, SayWhatIsWrongWithTheFile) {
  const ScratchFolder folder;
  EXPECT_THAT(message_of([&] { load_glyphs((folder / "none.ttf").string()); }), HasSubstr("no such file"));
  std::ofstream(folder / "text.ttf") << "not a font";
  EXPECT_THAT(message_of([&] { load_glyphs((folder / "text.ttf").string()); }),
              AllOf(HasSubstr("text.ttf"), HasSubstr("not a font")));
  // A whole font in X11's text format: one glyph, one pixel, no colours.
  std::ofstream(folder / "pixel.bdf") << "STARTFONT 2.1\nFONT pixel\nSIZE 8 75 75\nFONTBOUNDINGBOX 1 1 0 0\nCHARS 1\n"
                                         "STARTCHAR A\nENCODING 65\nSWIDTH 500 0\nDWIDTH 1 0\nBBX 1 1 0 0\nBITMAP\n80\n"
                                         "ENDCHAR\nENDFONT\n";
  EXPECT_THAT(message_of([&] { load_glyphs((folder / "pixel.bdf").string()); }),
              AllOf(HasSubstr("pixel.bdf"), HasSubstr("no colour bitmaps")));
}

}  // namespace
}  // namespace monge::data
