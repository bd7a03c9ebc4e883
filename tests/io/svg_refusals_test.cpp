// Drawings from strangers: what is refused, and what has no effect.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "monge/core/error.h"
#include "tests/io/damage.h"
#include "tests/io/drawings.h"
#include "tests/support/files.h"
#include "tests/support/support.h"

namespace monge::io {
namespace {

using ::testing::AllOf;
using testing::draw_on;
using testing::drawing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::kSvgRoot;
using testing::message_of;
using testing::pixel;
using testing::repeated_text;

TEST(SvgRefusals, ReadsNothingOutsideOfTheFile) {
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

TEST(SvgRefusals, EntitiesCannotGrowWithoutLimit) {
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

TEST(SvgRefusals, DeepNestingDoesNotOverflowTheStack) {
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

TEST(SvgRefusals, ReferencesThatMultiplyEndInAnError) {
  std::string doubled = "<defs><rect id='a0' width='1' height='1'/>";
  for (int i = 1; i < 12; ++i)
    doubled += text("<g id='a", i, "'>", repeated_text(text("<use xlink:href='#a", i - 1, "'/>"), 10), "</g>");
  EXPECT_THAT(message_of([&] { draw_on(drawing(doubled + "</defs><use xlink:href='#a11'/>"), 4); }),
              HasSubstr("referenced elements"));
  const auto itself = draw_on(drawing("<g id='a'><use xlink:href='#a'/><rect width='9' height='9'/></g>"), 10);
  EXPECT_EQ(itself.size(0), 10) << "a circle of references is no more than that";
}

TEST(SvgRefusals, FiltersThatEndTheProcessOrTakeHoursAreRefused) {
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
TEST(SvgRefusals, WhatHidesNestingFromTheExaminationIsRefused) {
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
TEST(SvgRefusals, EncodingsWhoseCharactersHoldBytesOfTagsAreRefused) {
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

TEST(SvgRefusals, AChainOfMasksHasTheStackThatItNeeds) {
  std::string chain = "<defs>";
  for (int k = 0; k < 2000; ++k)
    chain += text("<mask id='m", k, "'><g><rect width='9' height='9' mask='url(#m", k + 1, ")'/></g></mask>");
  const auto svg = drawing(chain + "</defs><rect width='9' height='9' mask='url(#m0)'/>");
  EXPECT_EQ(draw_on(svg, 10).size(0), 10);
}

TEST(SvgRefusals, LongTextsAreRefused) {
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

TEST(SvgRefusals, DamageIsReported) {
  const auto message = [](const std::string& svg) { return message_of([&] { decode_image(svg, "folder/a.svg"); }); };
  EXPECT_THAT(message(drawing("<rect width='5' hei").substr(0, 120)),
              AllOf(HasSubstr("folder/a.svg"), HasSubstr("this SVG file cannot be decoded: line 1 column")));
  EXPECT_THAT(message("<svg></g>"), HasSubstr("cannot be decoded"));
  EXPECT_THAT(message(kSvgRoot + "viewBox='0 0 1 1'/><svg/>"), HasSubstr("cannot be decoded"));
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
