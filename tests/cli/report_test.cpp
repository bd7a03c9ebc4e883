// monge report, runs and watch, from outside.
#include <thread>

#include "tests/cli/fixture.h"

namespace monge {
namespace {

class CliReport : public Cli {
 protected:
  testing::Result run(const std::string& arguments) const { return monge(folder.path(), arguments); }
};

TEST_F(CliReport, PagesListsAndComparisonsOfRuns) {
  ASSERT_EQ(run("train v.toml --runs runs -q").code, 0);
  ASSERT_EQ(run("train v.toml --runs runs -q --set train.seed=5").code, 0);
  const auto listed = run("runs runs");
  ASSERT_EQ(listed.code, 0) << listed.err;
  EXPECT_THAT(listed.out, AllOf(HasSubstr("run "), HasSubstr("weak"), HasSubstr("complete"), HasSubstr("12/12"),
                                HasSubstr("target_error ")));
  const auto rows = json::parse(run("runs runs --json").out)["runs"];
  ASSERT_EQ(rows.size(), 2);
  const auto summary = json::parse(testing::slurp(folder / rows[0]["run"].get<std::string>() / "summary.json"));
  EXPECT_EQ(rows[0]["verdict"], summary["verdict"]);
  EXPECT_EQ(rows[0]["reaches_target"], summary["reaches_target"]);
  EXPECT_EQ(rows[0]["best_value"], summary["best_value"]);
  EXPECT_EQ(rows[0]["best_iteration"], summary["best_iteration"]);

  const auto first = rows[0]["run"].get<std::string>(), second = rows[1]["run"].get<std::string>();
  fs::remove(folder / first / "report.html");
  const auto page = run("report " + first);
  EXPECT_EQ(page.out, first + "/report.html\n") << page.err;
  EXPECT_THAT(testing::slurp(folder / first / "report.html"), HasSubstr("id=\"page-data\""));
  EXPECT_EQ(run("report " + first + " --out other.html").out, "other.html\n");
  const auto both = run("report " + first + " " + second);
  EXPECT_EQ(both.out, "comparison.html\n") << both.err;
  EXPECT_THAT(testing::slurp(folder / "comparison.html"), HasSubstr("<code>train.seed</code>"));

  const auto watched = run("watch " + first);
  EXPECT_EQ(watched.code, 0) << watched.err;
  EXPECT_THAT(watched.out,
              AllOf(HasSubstr("Complete: 12 of 12 iterations"), HasSubstr("The map "), HasSubstr("report.html")));
  EXPECT_THAT(watched.err, HasSubstr("training  12/12"));
}

TEST_F(CliReport, WrongPathsAreNamed) {
  const auto none = run("report nothing");
  EXPECT_EQ(none.code, 2);
  EXPECT_THAT(none.err, HasSubstr("nothing: not a folder; name the folder of a run"));
  fs::create_directory(folder / "empty");
  EXPECT_THAT(run("watch empty").err, HasSubstr("empty: not a run directory (it has no recipe.toml)"));
  EXPECT_THAT(run("runs nothing").err, HasSubstr("nothing: cannot be read"));
  EXPECT_EQ(run("runs empty").out, "no runs in empty\n");
}

TEST_F(CliReport, ThePageOfARunningTrainingSaysSo) {
  const testing::Running training(folder.path(), "'" MONGE_PROGRAM
                                                 "' train v.toml --out live -q "
                                                 "--set train.iterations=100000 --set eval.every=3");
  const auto page = folder / "live/report.html";
  const auto written = [&] { return testing::slurp(page).find("Running: ") != std::string::npos; };
  for (int tenth = 0; tenth < 600 && !written(); ++tenth) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_TRUE(written());
  EXPECT_EQ(json::parse(run("runs . --json").out)["runs"][0]["state"], "running");
}

TEST_F(CliReport, APageThatCannotBeWrittenDoesNotEndTheTraining) {
  fs::create_directories(folder / "blocked");
  ASSERT_EQ(run("train v.toml --out blocked -q --set train.iterations=3").code, 0);
  fs::remove(folder / "blocked/report.html");
  fs::create_directory(folder / "blocked/report.html");  // no file can take this name
  fs::create_directory(folder / "blocked/report.html/in-the-way");
  const auto resumed = run("resume blocked --set train.iterations=12");
  EXPECT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_THAT(resumed.err, HasSubstr("the report was not written and the training continues"));
  EXPECT_EQ(json::parse(testing::slurp(folder / "blocked/summary.json"))["iterations"], 12);
}

}  // namespace
}  // namespace monge
