#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monge/core/error.h"
#include "monge/io/image.h"
#include "monge/io/svg_markup.h"
#include "tests/io/drawings.h"
#include "tests/support/support.h"

namespace monge::io {
namespace {

using ::testing::AllOf;
using testing::draw_on;
using testing::drawing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using testing::pixel;

TEST(Svg, IsDrawnAtTheSizeThatIsWantedOnATransparentBackground) {
  const auto svg = drawing(R"(<rect width="5" height="10" fill="#ff8000"/>)");
  for (const int64_t side : {10, 20, 64, 257}) {
    const auto image = draw_on(svg, side);
    ASSERT_EQ(image.sizes(), (torch::IntArrayRef{side, side, 4}));
    EXPECT_THAT(pixel(image, side / 2, side / 2 - 1), ElementsAre(255, 128, 0, 255)) << side;
    EXPECT_EQ(pixel(image, side / 2, side / 2 + 1)[3], 0) << side;
  }
  EXPECT_EQ(decode_image(svg, "a.svg").sizes(), (torch::IntArrayRef{10, 10, 4})) << "its own size";
}

TEST(Svg, EdgesAreAntialiasedAndColoursAreNotMultipliedByAlpha) {
  const auto image = draw_on(drawing(R"(<rect width="2.5" height="10" fill="#ff8000"/>)"), 10);
  EXPECT_EQ(pixel(image, 5, 1)[3], 255);
  const auto edge = pixel(image, 5, 2);
  EXPECT_NEAR(edge[3], 128, 2);
  EXPECT_NEAR(edge[0], 255, 1);
  EXPECT_NEAR(edge[1], 128, 1);
  const auto faint = pixel(draw_on(drawing(R"(<rect width="10" height="10" fill="#204060" opacity=".5"/>)"), 4), 2, 2);
  EXPECT_THAT(faint, ElementsAre(::testing::AllOf(::testing::Ge(0x1f), ::testing::Le(0x21)),
                                 ::testing::AllOf(::testing::Ge(0x3f), ::testing::Le(0x41)),
                                 ::testing::AllOf(::testing::Ge(0x5f), ::testing::Le(0x61)), 128));
}

TEST(Svg, ViewsKeepAPart) {
  DecodeOptions options;
  std::vector<double> stated;
  options.view = [&](double height, double width) {
    stated = {height, width};
    return VectorView{.width = 40, .height = 20, .left = 10, .columns = 20, .rows = 20, .cropped = true};
  };
  ImageNotes notes;
  const auto svg = drawing(R"(<rect x="5" width="5" height="10"/>)", R"(viewBox="0 0 20 10")");
  const auto image = decode_image(svg, "a.svg", options, &notes);
  EXPECT_THAT(stated, ElementsAre(10, 20));
  EXPECT_TRUE(notes.drawn);
  EXPECT_TRUE(notes.cropped);
  EXPECT_EQ(pixel(image, 10, 0)[3], 255) << "the rectangle begins at pixel 10, where the part begins";
  EXPECT_EQ(pixel(image, 10, 9)[3], 255);
  EXPECT_EQ(pixel(image, 10, 10)[3], 0);
}

TEST(Svg, SizesAreThoseThatTheFileStates) {
  const auto size = [](const std::string& stated) {
    const auto image = decode_image(drawing("", stated), "a.svg");
    return std::vector<int64_t>{image.size(1), image.size(0)};
  };
  EXPECT_THAT(size(R"(width="30" height="20")"), ElementsAre(30, 20));
  EXPECT_THAT(size(R"(width="1in" height="48px" viewBox="0 0 7 9")"), ElementsAre(96, 48));
  EXPECT_THAT(size(R"(viewBox="-5 -5 30.4 19.6")"), ElementsAre(30, 20));
  EXPECT_THAT(size(R"(width="100%" viewBox="0 0 12 8")"), ElementsAre(12, 8));
  EXPECT_THAT(size(R"(viewBox="0 0 .2 .1")"), ElementsAre(1, 1));
  const auto message = [](const std::string& stated) {
    return message_of([&] { decode_image(drawing("", stated), "x/a.svg"); });
  };
  EXPECT_THAT(message(""), AllOf(HasSubstr("x/a.svg"), HasSubstr("states no size; add a viewBox")));
  EXPECT_THAT(message(R"(width="0" height="9")"), HasSubstr("its size is 0 x 9"));
  EXPECT_THAT(message(R"(width="1e9" height="1e9")"), AllOf(HasSubstr("too large"), HasSubstr("1000000000 x")));
  EXPECT_THAT(message(R"(width="1e30" height="1")"), HasSubstr("cannot be decoded: its size is"));
}

/// Three top-level groups with a square each, and groups that are not at the top.
const std::string kGroups = drawing(R"(<title>x</title><!-- <g id="comment"/> -->
  <rect x="8" width="2" height="2"/>
  <g id="line"><rect id="own" width="2" height="2"/><g id="inner"><rect y="2" width="2" height="2"/></g></g>
  <g id='color'><rect x="2" width="2" height="2"/><g id="line-inner"><rect x="2" y="2" width="2" height="2"/></g></g>
  <g id="line-supplement"><rect x="4" width="2" height="2"/></g>
  <g id="hidden" display="none"><rect x="6" width="2" height="2"/></g><g><rect y="8" width="2" height="2"/></g>)");

/// Which squares of a row of five are drawn: "x.x..".
std::string squares(const std::vector<std::string>& groups, int64_t row = 0) {
  const auto image = draw_on(kGroups, 10, groups);
  std::string out;
  for (int64_t x = 1; x < 10; x += 2) out += image[2 * row + 1][x][3].item<int>() > 0 ? 'x' : '.';
  return out;
}

TEST(Svg, GroupsAreChosenByTheIdsOfTheTopLevel) {
  EXPECT_THAT(read_svg_markup(kGroups).groups, ElementsAre("line", "color", "line-supplement", "hidden"));
  EXPECT_EQ(squares({}), "xxx.x");
  EXPECT_EQ(squares({"line"}), "x....");
  EXPECT_EQ(squares({"line"}, 1), "x....") << "groups within the chosen one";
  EXPECT_EQ(squares({"line"}, 4), ".....") << "a group without an id";
  EXPECT_EQ(squares({"line", "line-supplement"}), "x.x..");
  EXPECT_EQ(squares({"line*"}), "x.x..");
  EXPECT_EQ(squares({"line*"}, 1), "x....") << "line-inner is not at the top";
  EXPECT_EQ(squares({"color"}, 1), ".x...");
  EXPECT_EQ(squares({"*"}), "xxx..") << "what is in no group is left out";
  EXPECT_EQ(squares({"hidden", "color"}), ".x...") << "what the file hides stays hidden";
  EXPECT_THAT(message_of([] { draw_on(kGroups, 10, {"lines", "inner"}); }),
              AllOf(HasSubstr("a.svg"), HasSubstr("none of the chosen groups"), HasSubstr("lines, inner"),
                    HasSubstr("line, color, line-supplement, hidden")));
  EXPECT_THAT(message_of([] { draw_on(drawing("<rect/>"), 10, {"a"}); }), HasSubstr("no top-level groups with an id"));
}

TEST(Svg, GroupsMayUseWhatIsOutsideOfThem) {
  const auto svg =
      drawing(R"(<style>.s { fill: #00f }</style><defs><rect id="r" width="5" height="10" class="s"/></defs>
    <g id="a"><use xlink:href="#r"/></g><g id="b"><rect x="5" width="5" height="10"/></g>
    <g id='q"\]'><rect width="9" height="9"/></g><svg:g xmlns:svg="http://www.w3.org/2000/svg" id="p"/>)");
  const auto image = draw_on(svg, 10, {"a"});
  EXPECT_THAT(pixel(image, 5, 2), ElementsAre(0, 0, 255, 255));
  EXPECT_EQ(pixel(image, 5, 7)[3], 0);
  EXPECT_EQ(pixel(draw_on(svg, 10, {"q\"\\]"}), 5, 7)[3], 255) << "ids with the signs of CSS";
  EXPECT_EQ(draw_on(svg, 10, {"p"}).max().item<int>(), 0) << "elements may have a prefix";
}

TEST(Svg, GroupsOfOtherImagesAreRefused) {
  const auto png = encode_png(torch::zeros({2, 2, 3}, torch::kUInt8));
  DecodeOptions options;
  options.groups = {"line"};
  EXPECT_THAT(message_of([&] { decode_image(png, "b.png", options); }),
              AllOf(HasSubstr("b.png: is not an SVG drawing"), HasSubstr("?groups=")));
}

TEST(Svg, IsKnownByItsFirstElement) {
  EXPECT_TRUE(is_svg("\xef\xbb\xbf <?xml version='1.0'?><!-- <html> --><!DOCTYPE svg [<!ENTITY a \"x\">]>\n<svg>"));
  EXPECT_TRUE(is_svg("<s:svg xmlns:s='x'/>"));
  for (const char* other : {"", "<", "svg", "<html><svg></svg></html>", "<!-- <svg> -->", "<!DOCTYPE svg", "</svg>"})
    EXPECT_FALSE(is_svg(other)) << other;
  EXPECT_THAT(message_of([] { decode_image("<!DOCTYPE html><html><svg/></html>", "page.svg"); }),
              HasSubstr("is not a PNG, JPEG, WebP, TIFF or SVG image"));
  EXPECT_TRUE(has_image_extension("a/B.SVG"));
  EXPECT_FALSE(has_output_extension("a/B.SVG"));
  EXPECT_TRUE(has_output_extension("a.png"));
  EXPECT_THAT(message_of([] { encode_image(torch::zeros({2, 2, 3}, torch::kUInt8), "a.svg"); }),
              AllOf(HasSubstr("\".svg\""), HasSubstr(".tiff)")));
}

}  // namespace
}  // namespace monge::io
