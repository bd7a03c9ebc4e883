#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <thread>

#include "monge/core/error.h"
#include "monge/io/image.h"
#include "monge/io/svg_markup.h"
#include "tests/io/damage.h"
#include "tests/support/files.h"
#include "tests/support/support.h"

namespace monge::io {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::message_of;

const std::string kRoot = R"(<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" )";

/// A drawing of 10 x 10 CSS pixels.
std::string drawing(const std::string& content, const std::string& size = R"(viewBox="0 0 10 10")") {
  return kRoot + size + ">" + content + "</svg>";
}

std::string repeated_text(const std::string& word, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += word;
  return out;
}

/// Draws the whole on `side` x `side` pixels.
torch::Tensor draw_on(const std::string& svg, int64_t side, const std::vector<std::string>& groups = {}) {
  DecodeOptions options;
  options.groups = groups;
  options.view = [side](double, double) {
    const auto length = static_cast<double>(side);
    return VectorView{.width = length, .height = length, .columns = side, .rows = side};
  };
  return decode_image(svg, "a.svg", options);
}

std::vector<int> pixel(const torch::Tensor& image, int64_t y, int64_t x) {
  std::vector<int> out;
  for (int64_t c = 0; c < image.size(2); ++c) out.push_back(image[y][x][c].item<int>());
  return out;
}

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

TEST(Svg, ReadsNothingOutsideOfTheFile) {
  const testing::ScratchFolder folder;
  const auto other = folder / "other.svg";
  testing::write_file(other, drawing(R"(<g id="g"><rect width="10" height="10"/></g>)"));
  testing::write_file(folder / "style.css", "rect { fill: #0f0 }");
  const auto message = [](const std::string& content) { return message_of([&] { draw_on(drawing(content), 10); }); };
  const auto path = other.string();
  EXPECT_THAT(
      message("<image width='10' height='10' xlink:href='" + path + "'/>"),
      AllOf(HasSubstr("<image> refers to the file"), HasSubstr("other.svg"), HasSubstr("complete in themselves")));
  EXPECT_THAT(message("<image href='http://127.0.0.1:9/x.png'/>"), HasSubstr("http://127.0.0.1:9/x.png"));
  EXPECT_THAT(message("<image href='data:image/png;base64,iVBORw0KGgo='/>"), HasSubstr("refers to an embedded image"));
  EXPECT_THAT(message("<use href='file://" + path + "#g'/>"), HasSubstr("<use> refers to the file"));
  EXPECT_THAT(message("<filter id='f'><feImage href='" + path + "'/></filter>"), HasSubstr("<feImage> refers to"));
  const auto entity = "<!DOCTYPE svg [<!ENTITY x SYSTEM \"file://" + path + "\">]>" + drawing("&x;");
  EXPECT_THAT(message_of([&] { draw_on(entity, 10); }), HasSubstr("cannot be decoded: line 1"));
  // References of styles and colours have no effect.
  const auto styled = draw_on(drawing("<style>@import url(\"file://" + (folder / "style.css").string() +
                                      "\");</style><rect width='5' height='10' fill='#f00'/><rect x='5' width='5' "
                                      "height='10' fill='url(file://" +
                                      path + "#g)'/>"),
                              10);
  EXPECT_THAT(pixel(styled, 5, 2), ElementsAre(255, 0, 0, 255));
  EXPECT_EQ(pixel(styled, 5, 7)[3], 0);
}

TEST(Svg, EntitiesCannotGrowWithoutLimit) {
  const auto grown = [](const std::string& seed, const std::string& content) {
    std::string declarations = "<!ENTITY e0 \"" + seed + "\">";
    for (int i = 1; i < 10; ++i) {
      declarations += text("<!ENTITY e", i, " \"", repeated_text(text("&e", i - 1, ";"), 10), "\">");
    }
    return "<?xml version=\"1.0\"?><!DOCTYPE svg [" + declarations + "]>" + drawing(content);
  };
  const auto message = [](const std::string& svg) { return message_of([&] { draw_on(svg, 10); }); };
  EXPECT_THAT(message(grown("<rect width='1' height='1'/>", "&e9;")), HasSubstr("entities that hold markup"));
  EXPECT_THAT(message(grown("&#60;g/>", "&e9;")), HasSubstr("entities that hold markup"));
  EXPECT_THAT(message(grown("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "<text>&e9;</text>")),
              HasSubstr("entities of other entities"));
  const auto namespaces =
      R"(<!DOCTYPE svg [<!ENTITY s "http://www.w3.org/2000/svg">]><svg xmlns="&s;" viewBox="0 0 2 2">
    <g id="a"><rect width="2" height="2"/></g></svg>)";
  EXPECT_EQ(draw_on(namespaces, 2, {"a"}).min().item<int>(), 0) << "as drawing programs write them";
  EXPECT_EQ(pixel(draw_on(namespaces, 2, {"a"}), 1, 1)[3], 255);
}

TEST(Svg, DeepNestingDoesNotOverflowTheStack) {
  EXPECT_THAT(message_of([] { draw_on(drawing(repeated_text("<g>", 5000) + repeated_text("</g>", 5000)), 10); }),
              HasSubstr("Excessive depth"));
  // On a stack of 8 MiB librsvg 2.54 ends the process from about 850 references and 2,300 brackets on.
  std::string chain = "<defs><rect id='a0' width='10' height='10'/>";
  constexpr int kLinks = 3000;
  for (int i = 1; i <= kLinks; ++i) chain += text("<g id='a", i, "'><use xlink:href='#a", i - 1, "'/></g>");
  const auto svg = drawing(chain + text("</defs><use xlink:href='#a", kLinks, "'/>"));
  EXPECT_EQ(pixel(draw_on(svg, 10), 5, 5)[3], 255);
  std::thread([&] { EXPECT_EQ(pixel(draw_on(svg, 10), 5, 5)[3], 255); }).join();
  const auto brackets = repeated_text("a:not(", 4000) + "b" + repeated_text(")", 4000);
  const auto styled = draw_on(drawing("<style>" + brackets + "{fill:red}</style><rect width='9' height='9'/>"), 10);
  EXPECT_EQ(pixel(styled, 5, 5)[3], 255);
}

TEST(Svg, ReferencesThatMultiplyEndInAnError) {
  std::string doubled = "<defs><rect id='a0' width='1' height='1'/>";
  for (int i = 1; i < 12; ++i)
    doubled += text("<g id='a", i, "'>", repeated_text(text("<use xlink:href='#a", i - 1, "'/>"), 10), "</g>");
  EXPECT_THAT(message_of([&] { draw_on(drawing(doubled + "</defs><use xlink:href='#a11'/>"), 4); }),
              HasSubstr("referenced elements"));
  const auto itself = draw_on(drawing("<g id='a'><use xlink:href='#a'/><rect width='9' height='9'/></g>"), 10);
  EXPECT_EQ(itself.size(0), 10) << "a circle of references is no more than that";
}

TEST(Svg, FiltersThatEndTheProcessOrTakeHoursAreRefused) {
  const auto message = [](const std::string& filter) {
    return message_of([&] {
      draw_on(drawing("<filter id='f'>" + filter + "</filter><rect width='9' height='9' filter='url(#f)'/>"), 10);
    });
  };
  EXPECT_THAT(message("<feConvolveMatrix order='31' kernelMatrix='" + repeated_text("1 ", 961) + "'/>"),
              HasSubstr("<feConvolveMatrix> has an order above 9"));
  EXPECT_THAT(message("<feConvolveMatrix order='3 40'/>"), HasSubstr("order above 9"));
  EXPECT_THAT(message("<feTurbulence baseFrequency='1' numOctaves='100000'/>"), HasSubstr("more than 16 octaves"));
  const auto stroke = [](const std::string& attribute) {
    return message_of([&] { draw_on(drawing("<path d='M1 1L5 5' stroke='red' " + attribute + "/>"), 10); });
  };
  EXPECT_THAT(stroke("stroke-width='4826415173657.4'"), HasSubstr("a stroke of more than a million pixels"));
  EXPECT_THAT(stroke("style='stroke:red; stroke-width : 1e9px'"), HasSubstr("a stroke of more than a million pixels"));
  EXPECT_EQ(draw_on(drawing("<path d='M1 1L5 5' stroke='red' stroke-width='2e5' opacity='.5'/>"), 3).size(0), 3);
  EXPECT_EQ(
      draw_on(drawing("<filter id='f'><feGaussianBlur stdDeviation='1'/></filter><rect filter='url(#f)'/>"), 9).size(0),
      9);
}

// Each of these ended the process: what is nested in them was not counted, and a stack of the usual size overflowed.
TEST(Svg, WhatHidesNestingFromTheExaminationIsRefused) {
  const auto message = [](const std::string& svg) { return message_of([&] { draw_on(svg, 10); }); };
  const std::string rect = "<rect width='9' height='9'/>";
  EXPECT_THAT(message("<?xml version='1.0' encoding='UTF-7'?>" + drawing("+ADw-g/+AD4-")),
              AllOf(HasSubstr("its encoding is \"UTF-7\""), HasSubstr("save it in UTF-8")));
  EXPECT_THAT(message("<?xml version='1.0' encoding='IBM037'?>" + drawing(rect)), HasSubstr("its encoding is"));
  for (const char* known : {"utf-8", "ISO-8859-1", "windows-1252", "US-ASCII", "EUC-JP"})
    EXPECT_EQ(draw_on(text("<?xml version='1.0' encoding='", known, "'?>", drawing(rect)), 10).size(0), 10) << known;
  EXPECT_THAT(message(drawing("<xi:include xmlns:xi='http://www.w3.org/2001/XInclude' href='data:image/svg+xml,x'/>")),
              HasSubstr("its <include> takes in another text"));
  const std::string in_address = "a style sheet that is written in an address";
  for (const char* sheet :
       {"@import 'data:text/css,a{}';", "@import url(data:text/css,a{});", "@IMPORT \"DATA:text/css,a{}\";",
        "@\\69mport 'data:text/css,a{}';", "@imp&o;rt 'data:,';", "&#64;import 'data:,';", "&#x0040;import 'data:,';",
        "@im<!-- -->port 'data:,';", "<![CDATA[@im]]><![CDATA[port 'data:,';]]>", "@import url(d\\61ta:,);",
        "@import 'da\tta:,';", "@import/**/'data:,';"}) {
    EXPECT_THAT(message(drawing(text("<style>", sheet, "</style>") + rect)), HasSubstr(in_address)) << sheet;
  }
  for (const char* sheet : {"@import url(https://fonts.googleapis.com/css?family=A);", "@import 'a.css';", "@media{}",
                            "@font-face{font-family:a}", "text:after{content:'a@b'}"}) {
    EXPECT_EQ(draw_on(drawing(text("<style>", sheet, "</style>") + rect), 10).size(0), 10) << sheet;
  }
  EXPECT_THAT(message("<?xml-stylesheet type='text/css' href='data:text/css,a{}'?>" + drawing(rect)),
              HasSubstr(in_address));
  EXPECT_EQ(draw_on("<?xml-stylesheet type='text/css' href='a.css'?>" + drawing(rect), 10).size(0), 10);

  const auto defining = [&](const std::string& definitions, const std::string& content) {
    return message("<!DOCTYPE svg [" + definitions + "]>" + drawing(content + rect));
  };
  const auto brackets = repeated_text("(", 1000);
  EXPECT_THAT(defining("<!ENTITY a '" + brackets + "'>", "<style>" + repeated_text("&a;", 200) + "</style>"),
              HasSubstr("brackets"));
  EXPECT_THAT(defining("<!ENTITY a '('><!ENTITY b '&a;&a;'>", ""), HasSubstr("entities of other entities"));
  EXPECT_THAT(defining("<!ATTLIST image href CDATA 'data:,'>", ""), HasSubstr("gives values to attributes"));
  // Apostrophes and brackets in an instruction delimit nothing.
  EXPECT_THAT(defining("<?x ]]]> ?><!ENTITY a '<g/>'><!ENTITY b ''>", ""), HasSubstr("entities that hold markup"));
  EXPECT_THAT(defining("<?x '?><!ENTITY a '<g/>'>", ""), HasSubstr("entities that hold markup"));
  EXPECT_THAT(defining("<!ENTITY n '31'>", "<feConvolveMatrix order='&n;'/>"), HasSubstr("order above 9"));
}

// The second byte of the character 83 5d is "]", which ends CDATA for who reads bytes and not for who reads characters.
TEST(Svg, EncodingsWhoseCharactersHoldBytesOfTagsAreRefused) {
  const auto hidden = repeated_text("<g>", 1000) + repeated_text("</g>", 1000);
  for (const char* encoding : {"Shift_JIS", "shift-jis", "SJIS", "Windows-31J", "CP932", "GBK", "GB18030", "CP936",
                               "Big5", "BIG5-HKSCS", "CP950", "EUC-TW", "ISO-2022-JP"}) {
    const auto svg = text("<?xml version=\"1.0\" encoding=\"", encoding, "\"?>",
                          drawing("<desc><![CDATA[\x83\x5d]> <!-- ]]></desc>" + hidden + "<desc>--></desc>"));
    EXPECT_THAT(message_of([&] { draw_on(svg, 10); }),
                AllOf(HasSubstr(encoding), HasSubstr("allowed are UTF-8"), HasSubstr("save it in UTF-8")))
        << encoding;
  }
}

TEST(Svg, TagsAreFoundWhereTheParserFindsThem) {
  const std::string image = "<image href='data:image/png;base64,x'/>";
  EXPECT_THAT(read_svg_markup(drawing("<!--> <a b=' -->" + image + "<!-- '> -->")).refusal, HasSubstr("<image>"));
  EXPECT_THAT(read_svg_markup(drawing("<image a:href='#b' href='data:,'/>")).refusal, HasSubstr("<image>"));
  EXPECT_THAT(read_svg_markup(drawing("<!--->" + image + "-->")).refusal, IsEmpty());
}

TEST(Svg, LayersAreCountedAsTheyNest) {
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

TEST(Svg, WhatMakesPathsLongIsCounted) {
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

TEST(Svg, ReferencesCountAsWhatTheyStandFor) {
  const auto svg =
      "<!DOCTYPE svg [<!ENTITY a '" + std::string(5000, '1') + "'>]>" + drawing("<path d='&a;&a;'/><text>&a;</text>");
  const auto markup = read_svg_markup(svg);
  EXPECT_GE(markup.longest_tag, 10'000);
  EXPECT_GE(markup.expanded, 15'000);
  EXPECT_EQ(read_svg_markup(drawing("<text>&amp;</text>")).expanded, 0);
}

TEST(Svg, AChainOfMasksHasTheStackThatItNeeds) {
  std::string chain = "<defs>";
  for (int k = 0; k < 2000; ++k)
    chain += text("<mask id='m", k, "'><g><rect width='9' height='9' mask='url(#m", k + 1, ")'/></g></mask>");
  const auto svg = drawing(chain + "</defs><rect width='9' height='9' mask='url(#m0)'/>");
  EXPECT_EQ(draw_on(svg, 10).size(0), 10);
}

TEST(Svg, LongTextsAreRefused) {
  const auto message = [](const std::string& svg) { return message_of([&] { draw_on(svg, 10); }); };
  const std::string long_text(16'385, 'a'), refusal = "a text of more than 16 KiB";
  EXPECT_THAT(message(drawing("<text>" + long_text + "</text>")), HasSubstr(refusal));
  EXPECT_THAT(message(drawing("<text><tspan>" + repeated_text("a", 10'000) + "</tspan><![CDATA[" +
                              repeated_text("b", 10'000) + "]]></text>")),
              HasSubstr(refusal));
  EXPECT_THAT(message("<!DOCTYPE svg [<!ENTITY a '" + repeated_text("a", 1000) + "'>]>" +
                      drawing("<text>" + repeated_text("&a;", 20) + "</text>")),
              HasSubstr(refusal));
  EXPECT_EQ(draw_on(drawing("<desc>" + long_text + "</desc><text>a</text><text>b</text>"), 10).size(0), 10);
}

TEST(Svg, BracketsAreCountedWhateverQuotesAndOtherBracketsAreBetweenThem) {
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

TEST(Svg, DamageIsReported) {
  const auto message = [](const std::string& svg) { return message_of([&] { decode_image(svg, "folder/a.svg"); }); };
  EXPECT_THAT(message(drawing("<rect width='5' hei").substr(0, 120)),
              AllOf(HasSubstr("folder/a.svg"), HasSubstr("this SVG file cannot be decoded: line 1 column")));
  EXPECT_THAT(message("<svg></g>"), HasSubstr("cannot be decoded"));
  EXPECT_THAT(message(kRoot + "viewBox='0 0 1 1'/><svg/>"), HasSubstr("cannot be decoded"));
  EXPECT_THAT(message(""), HasSubstr("the file is empty"));
  constexpr int kRounds = 3000;
  const auto rich = drawing(
      "<style>.a{fill:url(#l);stroke:#123}</style><defs><linearGradient id='l'><stop "
      "stop-color='red'/></linearGradient>"
      "<mask id='m'><circle r='4' cx='5' cy='5' fill='#fff'/></mask></defs><g id='line'><path class='a' mask='url(#m)' "
      "d='M1 1c0,1.6-1.3,3-3,3s-3-1.3-3-3S48,29.4,4.8,3.1z' transform='rotate(3) scale(2)'/></g><g id='b'><text "
      "font-size='4' y='9'>x</text></g>");
  const int refused = testing::refuses_damage(rich, kRounds, [](const std::string& svg) {
    draw_on(svg, 16);
    draw_on(svg, 16, {"line*"});
  });
  EXPECT_GT(refused, kRounds / 4);
  EXPECT_LT(refused, kRounds);
}

}  // namespace
}  // namespace monge::io
