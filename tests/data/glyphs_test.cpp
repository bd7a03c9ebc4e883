#include "monge/data/glyphs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/data/font.h"
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
              AllOf(HasSubstr("pixel.bdf"), HasSubstr("neither outlines nor colour bitmaps")));
}

/// A font of outlines, which Debian's fontconfig brings.
const std::string kOutlines = "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf";

#define MONGE_NEEDS_OUTLINES()             \
  if (!std::filesystem::exists(kOutlines)) \
  GTEST_SKIP() << "needs the font of Debian's fonts-dejavu-core, which is not here"

/// How dark the pixels are, 0 to 1 each.
torch::Tensor ink(const Source& source, int64_t item) { return (1 - source.items({item})[0][0]) / 2; }

TEST(OutlineGlyphs, AreBlackOnWhiteInTheMiddle) {
  MONGE_NEEDS_OUTLINES();
  const auto glyphs = open_glyphs("font:" + kOutlines + "?characters=HlgW.&size=64", 32);
  EXPECT_EQ(glyphs->item_shape(), (std::vector<int64_t>{3, 64, 64}));
  EXPECT_EQ(names_of(*glyphs), (std::set<std::string>{"U+002E", "U+0048", "U+0057", "U+0067", "U+006C"}));
  for (int64_t i = 0; i < glyphs->size(); ++i) {
    const auto image = glyphs->items({i})[0];
    EXPECT_TRUE(torch::equal(image[0], image[1]) && torch::equal(image[0], image[2]));
    const auto dark = ink(*glyphs, i);
    EXPECT_EQ(dark.max().item<float>(), 1);
    EXPECT_GT(((dark > 0.1) & (dark < 0.9)).sum().item<int64_t>(), 0) << "antialiased";
    // The box around the ink has as much space on the left as on the right, and above as below.
    for (const int64_t axis : {0, 1}) {
      const auto line = std::get<0>(dark.max(axis));
      const auto inked = (line > 0.02).nonzero();
      const int64_t before = inked[0].item<int64_t>(), behind = 63 - inked[-1].item<int64_t>();
      EXPECT_LE(std::abs(before - behind), 1) << glyphs->item_name(i);
    }
  }
}

TEST(OutlineGlyphs, HaveOneScaleAtEverySize) {
  MONGE_NEEDS_OUTLINES();
  // DejaVu Sans has 2,048 units an em. Its full stop is 211 units wide and 254 high, its H 1493 high.
  for (const int64_t side : {32, 128}) {
    const auto glyphs = open_glyphs("font:" + kOutlines + "?characters=.H", side);
    const double unit = static_cast<double>(side) * 7 / 8 / 2048, dot = 211 * 254 * unit * unit;
    EXPECT_NEAR(ink(*glyphs, 0).sum().item<double>(), dot, 0.02 * dot + 0.2);
    EXPECT_NEAR(ink(*glyphs, 1).amax(1).sum().item<double>(), 1493 * unit, 0.6);
  }
  // The sign for one in ten thousand is 1.6 em wide. It is shrunk to 15/16 of the image.
  const auto wide = open_glyphs("font:" + kOutlines + "?ranges=2031", 64);
  const auto columns = (ink(*wide, 0).amax(0) > 0.02).nonzero();
  EXPECT_NEAR(columns[-1].item<int64_t>() - columns[0].item<int64_t>() + 1, 60, 1);
}

TEST(OutlineGlyphs, CharactersAreChosen) {
  MONGE_NEEDS_OUTLINES();
  const auto names = [](const std::string& parameters) {
    return names_of(*open_glyphs("font:" + kOutlines + "?" + parameters, 16));
  };
  EXPECT_EQ(names("ranges=41-43"), (std::set<std::string>{"U+0041", "U+0042", "U+0043"}));
  EXPECT_EQ(names("ranges=U+41,7a"), (std::set<std::string>{"U+0041", "U+007A"}));
  EXPECT_EQ(names("ranges=41&characters=\xc3\xa9z"), (std::set<std::string>{"U+0041", "U+007A", "U+00E9"}));
  EXPECT_EQ(names("ranges=20-21"), (std::set<std::string>{"U+0021"})) << "blank glyphs are dropped";
  EXPECT_EQ(names("characters=A\xce\x91"), (std::set<std::string>{"U+0041"})) << "a Greek Alpha has the shape of an A";
  const auto all = names_of(*open_glyphs("font:" + kOutlines, 16));
  EXPECT_GT(all.size(), 2000u);
  // Which part has a character depends on the character alone.
  const auto first = names("part=1/2"), second = names("part=2/2"), capitals = names("ranges=41-5A&part=1/2");
  EXPECT_EQ(first.size() + second.size(), all.size());
  EXPECT_NEAR(static_cast<double>(first.size()), static_cast<double>(all.size()) / 2, 150);
  for (const auto& name : capitals) EXPECT_TRUE(first.contains(name)) << name;
  EXPECT_LT(capitals.size(), 26u);
}

TEST(OutlineGlyphs, OfAVariableFontHaveAWeight) {
  const auto font = "font:" + (testing::fixtures_folder() / "weights.ttf").string();
  constexpr int64_t kSide = 64;
  constexpr double kUnit = 64.0 * 7 / 8 / 1000;
  const auto width = [&](const std::string& parameters) {
    const auto glyphs = open_glyphs(font + parameters, kSide);
    EXPECT_EQ(names_of(*glyphs), (std::set<std::string>{"U+0041", "U+0042"}));
    return ink(*glyphs, 0)[kSide / 2].sum().item<double>() / kUnit;
  };
  EXPECT_NEAR(width(""), 200, 3) << "the usual weight of this font is 100";
  EXPECT_NEAR(width("?weight=100"), 200, 3);
  EXPECT_NEAR(width("?weight=500"), 400, 3);
  EXPECT_NEAR(width("?weight=900"), 600, 3);
  EXPECT_THAT(message_of([&] { open_glyphs(font + "?weight=901", 16); }),
              AllOf(HasSubstr("weight = 901"), HasSubstr("100 to 900")));
}

// A map of 12 bytes that gives every number of 32 bits a glyph filled the memory.
TEST(Font, HasNoCharactersBeyondUnicode) {
  const auto bytes = real_files().read(std::filesystem::path(MONGE_SOURCE_DIR) / "fuzz/corpus/font/vast-map");
  const auto characters = Font(bytes, "vast.ttf").characters();
  ASSERT_EQ(characters.size(), 0x110000u);
  EXPECT_EQ(characters.back(), (std::pair<uint32_t, int64_t>{0x10FFFF, 1}));
}

// A PNG of a hundred bytes in a font may claim to be of gigabytes.
TEST(Font, RefusesABitmapThatIsTooLarge) {
  const auto font = [](const std::string& name) {
    const auto bytes = real_files().read(std::filesystem::path(MONGE_SOURCE_DIR) / "fuzz/corpus/font" / name);
    Font out(bytes, name + ".ttf");
    EXPECT_TRUE(out.has_colour_bitmaps());
    out.select_largest_strike();
    return out.colour_image(1);
  };
  const auto image = font("bitmap");
  EXPECT_EQ(image.sizes(), torch::IntArrayRef({8, 8, 3}));
  EXPECT_TRUE(torch::equal(image[4][4], torch::tensor({200, 30, 30}, torch::kUInt8)));
  EXPECT_THAT(message_of([&] { font("vast-bitmap"); }),
              AllOf(HasSubstr("vast-bitmap.ttf"), HasSubstr("30000 x 30000 pixels"), HasSubstr("2048 x 2048")));
  EXPECT_THAT(message_of([&] { font("wide-bitmap"); }), HasSubstr("30000 x 1 pixels"));
}

TEST(OutlineGlyphs, SayWhatIsWrong) {
  MONGE_NEEDS_OUTLINES();
  const auto message = [](const std::string& parameters) {
    return message_of([&] { open_glyphs("font:" + kOutlines + "?" + parameters, 16); });
  };
  EXPECT_THAT(message("ranges=4E00-9FFF"), HasSubstr("has none of the chosen characters"));
  EXPECT_THAT(message("characters=A\xe4\xb8\x80"), AllOf(HasSubstr("lacks 1 of the characters: U+4E00")));
  EXPECT_THAT(message("characters=\xff"), HasSubstr("not UTF-8"));
  EXPECT_THAT(message("ranges="), HasSubstr("ranges= names no characters"));
  for (const char* bad : {"x", "41-", "-41", "43-41", "110000", "41,", "41--42"})
    EXPECT_THAT(message(std::string("ranges=") + bad),
                AllOf(HasSubstr("not a range of code points"), HasSubstr("4E00-9FFF")))
        << bad;
  EXPECT_THAT(message("weight=700"), AllOf(HasSubstr("weight = 700"), HasSubstr("the font has one weight")));
  EXPECT_THAT(message("weight=bold"), AllOf(HasSubstr("weight"), HasSubstr("1 to 1000")));
  EXPECT_THAT(message("ranges=20"), HasSubstr("is empty"));
  MONGE_NEEDS_FONT();
  EXPECT_THAT(message_of([] { open_glyphs("font:" + kFont + "?weight=400", 16); }), HasSubstr("colour bitmaps"));
  EXPECT_EQ(names_of(*open_glyphs("font:" + kFont + "?ranges=1F600-1F603", 16)).size(), 4u);
}

}  // namespace
}  // namespace monge::data
