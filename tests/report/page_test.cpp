#include "monge/report/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "monge/io/image.h"
#include "monge/report/charts.h"
#include "monge/report/data_uri.h"
#include "monge/report/sample_views.h"
#include "tests/report/run_files.h"
#include "tests/support/support.h"

namespace monge::report {
namespace {

using monge::testing::data_json;
using monge::testing::evaluation_line;
using monge::testing::message_of;
using monge::testing::ScratchFolder;
using monge::testing::write_run;
using monge::testing::write_text;
using nlohmann::ordered_json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// What a page shows: without styles, scripts and data, which would fill the message of a failure.
std::string shown(const std::string& page) {
  const auto begin = page.find("<main>");
  return page.substr(begin, page.find("</main>") - begin);
}

/// The data that a page holds for its script.
ordered_json data_of(const std::string& page) {
  const std::string begin = "<script id=\"page-data\" type=\"application/json\">";
  const auto at = page.find(begin) + begin.size();
  return ordered_json::parse(page.substr(at, page.find("</script>", at) - at));
}

TEST(Page, AnswersFirstAndFoldsDetails) {
  const ScratchFolder folder;
  train::Recipe recipe;
  recipe.method = "weak";
  write_run(folder / "00007-<moons>", recipe,
            {.metrics = evaluation_line(1, 0.5) + evaluation_line(2, 0.011), .data = data_json("[2]")});
  const auto page = run_page(read_run(folder / "00007-<moons>"));
  EXPECT_NE(page.find("/LICENSE.txt (MIT)"), std::string::npos);
  EXPECT_THAT(shown(page),
              AllOf(HasSubstr("<h1>00007-&lt;moons&gt;</h1>"), HasSubstr("The map reaches its target"),
                    HasSubstr("<code>method</code></th><td data-label=\"value\"><code>&quot;weak&quot;</code></td>"),
                    HasSubstr("<summary>The whole recipe</summary>")));
  EXPECT_LT(page.find("id=\"answer\""), page.find("id=\"curves\""));
  EXPECT_LT(page.find("id=\"curves\""), page.find("id=\"recipe\""));
  // Nothing is loaded from elsewhere.
  EXPECT_EQ(page.find(" src=\"http"), std::string::npos);
  EXPECT_EQ(page.find("<link rel=\"stylesheet\""), std::string::npos);
  const auto groups = data_of(page)["charts"];
  ASSERT_EQ(groups.size(), 1);
  EXPECT_EQ(groups[0]["heading"], "Does it reach its target?");
  EXPECT_EQ(groups[0]["charts"][0]["series"][1]["label"], "target floor");
  EXPECT_EQ(groups[0]["charts"][0]["series"][2]["label"], "target start");
  EXPECT_EQ(groups[0]["charts"][0]["series"][0]["y"], (std::vector<double>{0.5, 0.011}));
}

TEST(Page, CannotBeLeftByNamesAndValues) {
  const ScratchFolder folder;
  train::Recipe recipe;
  recipe.name = "</script><script>alert(1)</script>";
  recipe.card.title = "<!--";
  write_run(folder / "run", recipe,
            {.metrics = "{\"iteration\":1,\"</script><b>\":1}\n{\"iteration\":2,\"</script><b>\":2}\n",
             .log = "10:00:00 warning: </ul><script>alert(2)</script>\n"});
  const auto page = run_page(read_run(folder / "run"));
  for (const char* bad : {"<script>alert", "</script><b>"}) EXPECT_EQ(page.find(bad), std::string::npos) << bad;
  EXPECT_EQ(data_of(page)["charts"][0]["charts"][0]["name"], "</script><b>");
}

TEST(Page, HoldsTheSamplesOfSeveralSteps) {
  const ScratchFolder folder;
  write_run(folder / "run", {}, {.data = data_json("[3, 32, 32]")});
  std::filesystem::create_directories(folder / "run/samples");
  for (int i = 1; i <= 100; ++i) {
    const auto name = "run/samples/step_" + std::string(6 - std::to_string(i).size(), '0') + std::to_string(i) + ".png";
    io::write_image(folder / name, torch::full({4, 4, 3}, i, torch::kUInt8));
  }
  write_text(folder / "run/samples/step_x.png", "no step");
  const auto views = sample_views(read_run(folder / "run"));
  EXPECT_EQ(views["kind"], "images");
  EXPECT_EQ(views["cell"], (std::vector<int>{96, 96}));
  ASSERT_EQ(views["steps"].size(), kMostSampleSteps);
  EXPECT_EQ(views["steps"].front()["iteration"], 1);
  EXPECT_EQ(views["steps"].back()["iteration"], 100);
  EXPECT_THAT(shown(run_page(read_run(folder / "run"))).substr(0, 4000), HasSubstr("alt=\"A row for each input"));
}

TEST(Page, ShowsPointsOfVectors) {
  const ScratchFolder folder;
  write_run(folder / "run", {}, {.data = data_json("[2]")});
  write_text(folder / "run/samples/step_000005.json",
             "{\"axes\":[\"a<b\",\"c\"],\"source\":[[1,2]],\"target\":[[3,4]],\"outputs\":[[[5,null]]]}");
  write_text(folder / "run/samples/step_000006.json", "{torn");
  const auto views = data_of(run_page(read_run(folder / "run")))["samples"];
  EXPECT_EQ(views["kind"], "scatter");
  ASSERT_EQ(views["steps"].size(), 1);
  EXPECT_EQ(views["steps"][0]["axes"][0], "a<b");
}

TEST(Page, LivesWithoutAnyFiniteFigure) {
  const ScratchFolder folder;
  write_run(folder / "run", {},
            {.metrics = "{\"iteration\":1,\"eval\":{\"target_error\":null,\"cost\":1e-310,\"mse\":1.79e308}}\n"
                        "{\"iteration\":2,\"eval\":{\"target_error\":null,\"cost\":5,\"mse\":1}}\n"});
  EXPECT_NE(run_page(read_run(folder / "run")).find("All figures of the evaluation"), std::string::npos);
}

TEST(Page, LivesWithRecordsOfOtherShapes) {
  const ScratchFolder folder;
  const char* records[] = {
      R"({"source": 5, "target": {"name": 7, "items": "x", "shape": 3, "left_out": [], "noticed": 1}})",
      R"({"source": {"shape": ["a", -1, 1e99], "items": 1e300, "noticed": [5], "left_out_files": [[]]}})",
      R"({"target": {"shape": [0, 0, 0], "left_out_files": {"a": 1}}})"};
  for (const char* record : records) {
    write_run(folder / "run", {},
              {.metrics = evaluation_line(1, 0.5),
               .summary = R"({"complete": 3, "ended_early": {}, "data_wait": "x"})",
               .data = record});
    for (const char* points : {"{}", R"({"axes":[1,2],"source":[],"target":{},"outputs":3})",
                               R"({"axes":["a","b"],"source":[[1]],"target":[["x",1]],"outputs":[[]]})"})
      write_text(folder / "run/samples/step_000001.json", points);
    const auto page = run_page(read_run(folder / "run"));
    EXPECT_NE(page.find("id=\"answer\""), std::string::npos) << record;
    EXPECT_TRUE(data_of(page)["samples"].is_null()) << record;
  }
}

TEST(Page, ComparesRuns) {
  const ScratchFolder folder;
  train::Recipe a, b;
  b.train.batch = 7;
  write_run(folder / "x/run", a, {.metrics = evaluation_line(1, 0.5) + evaluation_line(2, 0.4)});
  write_run(folder / "y/run", b, {.metrics = evaluation_line(1, 0.5) + evaluation_line(3, 0.011)});
  write_comparison({folder / "x/run", folder / "y/run"}, folder / "both.html");
  const auto page = real_files().read(folder / "both.html");
  EXPECT_THAT(shown(page),
              AllOf(HasSubstr("<th scope=\"col\">run</th><th scope=\"col\">run (2)</th>"),
                    HasSubstr("<code>train.batch</code></th><td data-label=\"run\"><code>64</code></td><td "
                              "data-label=\"run (2)\"><code>7</code></td>"),
                    Not(HasSubstr("<code>train.seed</code>"))));
  const auto chart = data_of(page)["charts"][0]["charts"][0];
  EXPECT_EQ(chart["x"], (std::vector<double>{1, 2, 3}));
  EXPECT_EQ(chart["series"][1]["label"], "run (2)");
  EXPECT_TRUE(chart["series"][1]["y"][1].is_null());
}

TEST(Page, IsWrittenWithCurvesForReadersWithoutScripts) {
  const ScratchFolder folder;
  write_run(folder / "00001-run", {}, {.metrics = "{\"iteration\":1,\"cost\":3}\n"});
  write_report(folder / "00001-run/");
  EXPECT_THAT(shown(real_files().read(folder / "00001-run/report.html")), HasSubstr("<h1>00001-run</h1>"));
  EXPECT_THAT(real_files().read(folder / "00001-run/curves/cost.svg"), HasSubstr("<svg"));
  EXPECT_THAT(message_of([&] { write_report(folder / "nothing"); }), HasSubstr("not a folder"));
}

TEST(Charts, ThinLongCurvesToTheirExtremesAndSmoothThem) {
  run::Curve curve{.name = "loss_map"};
  for (int i = 0; i < 100'000; ++i) {
    curve.x.push_back(i);
    curve.y.push_back(i == 54'321 ? 1000 : i % 2);
  }
  const auto chart = charts_of(std::vector<run::Curve>{curve}).groups[0]["charts"][0];
  ASSERT_EQ(chart["series"].size(), 2);
  const auto raw = chart["series"][0]["y"].get<std::vector<double>>();
  EXPECT_LT(raw.size(), 1600);
  EXPECT_EQ(*std::max_element(raw.begin(), raw.end()), 1000);
  EXPECT_EQ(chart["series"][1]["kind"], "smooth");
  EXPECT_NEAR(chart["series"][1]["y"].back().get<double>(), 0.5, 0.1);
}

TEST(Charts, GiveConstantsAsTextAndKeepGaps) {
  const run::Curve rate{.name = "rate_map", .x = {1, 2}, .y = {1e-4, 1e-4}};
  const run::Curve cost{.name = "cost", .x = {1, 2, 3}, .y = {1, NAN, 2}};
  const run::Curve lost{.name = "loss_map", .x = {1, 2}, .y = {0.5, NAN}};  // not measured at its end: no constant
  EXPECT_TRUE(charts_of(std::vector<run::Curve>{lost}).constants.empty());
  const auto charts = charts_of(std::vector<run::Curve>{rate, cost});
  ASSERT_EQ(charts.constants.size(), 1);
  EXPECT_EQ(charts.constants[0].figure.title, "learning rate of the map");
  EXPECT_TRUE(charts.groups[0]["charts"][0]["series"][0]["y"][1].is_null());
}

TEST(DataUri, IsBase64) {
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");  // RFC 4648, 10
  EXPECT_EQ(data_uri("text/plain", "abcd"), "data:text/plain;base64,YWJjZA==");
  EXPECT_EQ(data_uri("a/b", ""), "data:a/b;base64,");
  EXPECT_EQ(json_in_page("{\"a\":\"</script><!--\"}"), "{\"a\":\"\\u003c/script>\\u003c!--\"}");
}

}  // namespace
}  // namespace monge::report
