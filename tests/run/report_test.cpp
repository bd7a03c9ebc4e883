#include "monge/run/report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "tests/support/support.h"

namespace monge::run {
namespace {

using monge::testing::message_of;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(MetricsLog, ReadsNumbersByKeyAndPlace) {
  const auto log = parse_metrics(
      "{\"iteration\": 10, \"loss\": 2, \"time\": 5, \"note\": \"x\", \"eval\": {\"fid\": 30.5}, \"never\": null}\n"
      "\n"
      "{\"iteration\": 20, \"loss\": null}\n"
      "{\"iteration\": 30, \"loss\": 1.5, \"lo");
  ASSERT_EQ(log.curves.size(), 2);
  EXPECT_EQ(log.curves[0].name, "loss");
  EXPECT_THAT(log.curves[0].x, ElementsAre(10, 20));
  EXPECT_EQ(log.curves[0].y[0], 2);
  EXPECT_TRUE(std::isnan(log.curves[0].y[1]));
  EXPECT_EQ(log.curves[1].name, "eval.fid");
  EXPECT_THAT(log.rejected, ElementsAre(4));
}

TEST(MetricsLog, ForgetsWhatAResumedRunRepeats) {
  const auto log = parse_metrics(
      "{\"step\": 1, \"a\": 1}\n{\"step\": 2, \"a\": 2}\n{\"step\": 3, \"a\": 3}\n{\"step\": 2, \"a\": 7}\n");
  ASSERT_EQ(log.curves.size(), 1);
  EXPECT_THAT(log.curves[0].x, ElementsAre(1, 2));
  EXPECT_THAT(log.curves[0].y, ElementsAre(1, 7));
}

TEST(MetricsLog, SurvivesGarbage) {
  EXPECT_TRUE(parse_metrics("").curves.empty());
  using namespace std::string_literals;
  const auto log = parse_metrics("\xff\0\n[1]\n3\nnull\n{\"a\":{\"b\":{\"c\":1}}}\n"s + std::string(100'000, '[') +
                                 "\n{\"a\":" + std::string(100'000, '{'));
  EXPECT_TRUE(log.curves.empty());
  EXPECT_EQ(log.rejected.size(), 6);
}

TEST(Report, ShowsFiguresCurvesImagesAndRecipe) {
  const auto html = report_html({.title = "00007-<moons>",
                                 .metrics = "{\"iteration\":1,\"target_error\":0.5,\"target_floor\":0.1}\n"
                                            "{\"iteration\":2,\"target_error\":0.25,\"target_floor\":0.1}\n",
                                 .recipe = "method = \"weak\" # <&>",
                                 .samples = {"samples/a 1.png", "samples/b\"2.png"}});
  EXPECT_THAT(html, AllOf(HasSubstr("<h1>00007-&lt;moons&gt;</h1>"),
                          HasSubstr("<td>target_error</td><td>0.5</td><td>0.25</td>"),
                          HasSubstr("method = &quot;weak&quot; # &lt;&amp;&gt;"),
                          HasSubstr("src=\"samples/a%201.png\""), HasSubstr("src=\"samples/b%222.png\"")));
  EXPECT_LT(html.find("b%222"), html.find("a%201"));  // the newest first
  EXPECT_EQ(html.find("<svg"), html.rfind("<svg"));   // the floor is drawn with its error
  EXPECT_THAT(html, AllOf(HasSubstr("stroke-dasharray"), Not(HasSubstr("<script"))));
}

TEST(Report, SaysWhatTheRightTextureIsAndWarnsOfGrain) {
  const auto html_of = [](const char* metrics) { return report_html({.title = "x", .metrics = metrics}); };
  const auto fine = html_of(
      "{\"iteration\":1,\"eval\":{\"texture_luma\":4,\"luma_shift\":7}}\n"
      "{\"iteration\":2,\"eval\":{\"texture_luma\":1.5,\"luma_shift\":7}}\n");
  EXPECT_THAT(fine, AllOf(HasSubstr("1 is right"), HasSubstr("luma_shift: change"), Not(HasSubstr("have grain"))));
  const auto grain = html_of(
      "{\"iteration\":1,\"eval\":{\"texture_luma\":1,\"texture_chroma\":1.6}}\n"
      "{\"iteration\":2,\"eval\":{\"texture_luma\":1,\"texture_chroma\":null}}\n");
  EXPECT_THAT(grain, AllOf(HasSubstr("1 is right"), HasSubstr("have grain"), Not(HasSubstr("luma_shift: change"))));
  EXPECT_THAT(html_of("{\"iteration\":1,\"eval\":{\"target_error\":4,\"texture_luma\":null}}\n"),
              Not(HasSubstr("1 is right")));
}

TEST(Report, SaysWhenThereIsNothing) {
  EXPECT_THAT(report_html({.title = "x", .metrics = "", .recipe = "", .samples = {}}), HasSubstr("No metrics"));
  EXPECT_THAT(report_html({.title = "x", .metrics = "{", .recipe = "", .samples = {}}),
              HasSubstr("1 line(s) of metrics.jsonl could not be read; the first is line 1"));
}

TEST(Report, IsWrittenFromARunDirectory) {
  const monge::testing::ScratchFolder folder;
  std::filesystem::create_directories(folder / "00001-run/samples");
  std::ofstream(folder / "00001-run/metrics.jsonl") << "{\"iteration\":1,\"loss\":3}\n";
  for (const char* name : {"step_000002.png", "step_000001.png", "notes.txt"}) {
    std::ofstream(folder / "00001-run/samples" / name) << "x";
  }
  write_report(folder / "00001-run/");
  const auto html = real_files().read(folder / "00001-run/report.html");
  EXPECT_THAT(
      html, AllOf(HasSubstr("<h1>00001-run</h1>"), HasSubstr("samples/step_000001.png"), Not(HasSubstr("notes.txt"))));
  EXPECT_THAT(message_of([&] { write_report(folder / "nothing"); }), HasSubstr("not a folder"));
}

}  // namespace
}  // namespace monge::run
