#include "monge/io/svg_markup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/io/drawings.h"
#include "tests/support/support.h"

namespace monge::io {
namespace {

using testing::draw_on;
using testing::drawing;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::message_of;
using testing::repeated_text;

TEST(SvgMarkup, TagsAreFoundWhereTheParserFindsThem) {
  const std::string image = "<image href='data:image/png;base64,x'/>";
  EXPECT_THAT(read_svg_markup(drawing("<!--> <a b=' -->" + image + "<!-- '> -->")).refusal, HasSubstr("<image>"));
  EXPECT_THAT(read_svg_markup(drawing("<image a:href='#b' href='data:,'/>")).refusal, HasSubstr("<image>"));
  EXPECT_THAT(read_svg_markup(drawing("<!--->" + image + "-->")).refusal, IsEmpty());
}

TEST(SvgMarkup, LayersAreCountedAsTheyNest) {
  const auto layers = [](const std::string& content) { return read_svg_markup(drawing(content)).layers; };
  EXPECT_EQ(layers("<g fill-opacity='.5'><rect stroke-opacity='.5'/></g>"), 0);
  EXPECT_EQ(layers("<g opacity='.5'><g><rect style='mask:url(#a)'/><rect filter='url(#a)'/></g></g><g opacity='1'/>"),
            2);
  EXPECT_EQ(layers("<g clip-path='url(#a)'/><g style='mix-blend-mode:screen'/><g style='ISOLATION:isolate'/>"), 1);
  EXPECT_EQ(layers("<g class='&a;'><g style='op\\61 city:.5'/></g>"), 2) << "what they stand for is not known";
  const std::string chain = "<g id='a' opacity='.5'/><g id='b' opacity='.5'><use href='#a'/></g>";
  EXPECT_EQ(layers(chain), 2) << "the one may be drawn in the other";
  EXPECT_EQ(layers("<style>.a{opacity:.5}</style><g><g><rect/></g></g>"), 4) << "with the root";
}

TEST(SvgMarkup, WhatMakesPathsLongIsCounted) {
  const auto markup = [](const std::string& content) { return read_svg_markup(drawing(content)); };
  const std::string path = "<path d='" + repeated_text("1 ", 1000) + "'/>";
  EXPECT_NEAR(static_cast<double>(markup(path).path_bytes), 2000, 20);
  EXPECT_NEAR(static_cast<double>(markup(path + path).path_bytes), 2000, 20) << "they are drawn one by one";
  const auto clipped = markup("<clipPath id='c'>" + path + path + "</clipPath><rect clip-path='url(#c)'/>");
  EXPECT_GT(clipped.path_bytes, 6000) << "what a clip path holds is one path";
  EXPECT_GT(markup("<clipPath id='c'><text>a</text></clipPath>").path_bytes, 1'000'000'000);
  EXPECT_GT(markup("<clipPath id='c'><use href='#a'/></clipPath>").path_bytes, 1'000'000'000);
  EXPECT_EQ(markup("<use href='#a'/><clipPath id='c'/><text>a</text>").links, 0);
  EXPECT_EQ(markup("<mask/><pattern/><marker/><filter/>").links, 4);
}

TEST(SvgMarkup, ReferencesCountAsWhatTheyStandFor) {
  const auto svg =
      "<!DOCTYPE svg [<!ENTITY a '" + std::string(5000, '1') + "'>]>" + drawing("<path d='&a;&a;'/><text>&a;</text>");
  const auto markup = read_svg_markup(svg);
  EXPECT_GE(markup.longest_tag, 10'000);
  EXPECT_GE(markup.expanded, 15'000);
  EXPECT_EQ(read_svg_markup(drawing("<text>&amp;</text>")).expanded, 0);
}

TEST(SvgMarkup, BracketsAreCountedWhateverQuotesAndOtherBracketsAreBetweenThem) {
  constexpr int kMany = 3000;
  for (const char* piece : {":not([a=')']", ":not(]", ":not(/*)*/", ":not(<!-- -->"}) {
    const auto svg = drawing("<style>rect" + repeated_text(piece, kMany) + "{fill:red}</style><rect/>");
    EXPECT_GE(read_svg_markup(svg).most_brackets, kMany) << piece;
    EXPECT_EQ(draw_on(svg, 10).size(0), 10) << piece;
  }
  EXPECT_EQ(read_svg_markup(drawing("<g transform='scale(2) rotate(3)'/><g transform='scale(2)'/>")).most_brackets, 2);
  EXPECT_THAT(message_of([&] { draw_on(drawing("<style>" + repeated_text("(", 100'001) + "</style>"), 10); }),
              HasSubstr("100000 brackets"));
}

}  // namespace
}  // namespace monge::io
