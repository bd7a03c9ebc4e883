#include "monge/report/run_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "monge/core/file_lock.h"
#include "monge/report/run_list.h"
#include "tests/report/run_files.h"
#include "tests/support/support.h"

namespace monge::report {
namespace {

using monge::testing::evaluation_line;
using monge::testing::message_of;
using monge::testing::ScratchFolder;
using monge::testing::write_run;
using monge::testing::write_text;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(RunRecord, ReadsWhatIsThere) {
  const ScratchFolder folder;
  train::Recipe recipe;
  recipe.train.iterations = 40;
  write_run(folder / "00003-a", recipe,
            {.metrics = evaluation_line(10, 0.5) + evaluation_line(20, 0.2) + evaluation_line(30, 0.3),
             .log = "10:00:00 begins\n10:00:01 warning: first\n10:00:02 warning: second\n10:00:03 warning: first\n",
             .summary = "{\"complete\": false}",
             .data = monge::testing::data_json("[3, 32, 16]")});
  const auto run = read_run(folder / "00003-a/");
  EXPECT_EQ(run.name, "00003-a");
  EXPECT_EQ(run.state, RunState::stopped);
  EXPECT_EQ(run.iterations_wanted(), 40);
  EXPECT_EQ(run.metrics.iterations, 30);
  EXPECT_EQ(run.last_evaluation()->iteration, 30);
  EXPECT_EQ(run.best_evaluation()->iteration, 20);
  EXPECT_THAT(run.warnings, ElementsAre("second", "first"));
  EXPECT_TRUE(is_of_images(run));
  EXPECT_THAT(item_shape(run), ElementsAre(3, 32, 16));
}

TEST(RunRecord, LivesWithoutFilesAndWithDamagedOnes) {
  const ScratchFolder folder;
  write_text(folder / "run/recipe.toml", "method = [unclosed");
  for (const char* name : {"metrics.jsonl", "data.json", "summary.json", "environment.json", "log.txt"})
    write_text(folder / "run" / name, std::string("\xff\0[{", 4));
  const auto run = read_run(folder / "run");
  EXPECT_FALSE(run.recipe.has_value());
  EXPECT_TRUE(run.data.is_null() && run.summary.is_null() && run.environment.is_null());
  EXPECT_EQ(run.last_evaluation(), nullptr);
  EXPECT_EQ(run.best_evaluation(), nullptr);
  EXPECT_THAT(message_of([&] { read_run(folder / "nothing"); }), HasSubstr("not a folder"));
  EXPECT_THAT(message_of([&] { read_run(folder.path()); }), HasSubstr("not a run directory (it has no recipe.toml)"));
}

TEST(RunRecord, KnowsARunThatAProcessHolds) {
  const ScratchFolder folder;
  write_run(folder / "run", {}, {.metrics = evaluation_line(10'000, 0.5), .summary = "{\"complete\": true}"});
  EXPECT_EQ(read_state(folder / "run"), RunState::complete);
  {
    const auto lock = FileLock::take(folder / "run/.lock", FileLock::On::file, {.what = "held"});
    EXPECT_EQ(read_state(folder / "run"), RunState::running);
    EXPECT_EQ(read_run(folder / "run").state, RunState::running);
    EXPECT_EQ(recorded_end(read_run(folder / "run")), RunState::complete);
  }
  EXPECT_EQ(read_state(folder / "run"), RunState::complete);
}

TEST(RunRecord, AResumedRunThatWasKilledIsNotComplete) {
  const ScratchFolder folder;
  train::Recipe recipe;
  recipe.train.iterations = 100;  // the summary is of the process before, which reached 20
  write_run(folder / "run", recipe,
            {.metrics = evaluation_line(30, 0.5), .summary = R"({"complete": true, "ended_early": null})"});
  EXPECT_EQ(read_state(folder / "run"), RunState::stopped);
  write_run(folder / "run", recipe, {.summary = R"({"complete": true, "ended_early": "no better for 5 evaluations"})"});
  EXPECT_EQ(read_state(folder / "run"), RunState::complete);
}

TEST(RunRecord, TheBestIsTheOneThatTheRunKeeps) {
  const ScratchFolder folder;
  write_run(folder / "run", {},
            {.metrics = evaluation_line(10, 0.2) + evaluation_line(20, 0.3) + evaluation_line(30, 0.4)});
  EXPECT_EQ(read_run(folder / "run").best_evaluation()->iteration, 10);
  // While a schedule runs, the trainer takes none as the best.
  std::filesystem::create_directory_symlink("checkpoints/step_000020", folder / "run/best");
  EXPECT_EQ(read_run(folder / "run").best_evaluation()->iteration, 20);
}

TEST(RunRecord, DoesNotReadNestedOrSpecialFiles) {
  const ScratchFolder folder;
  write_run(folder / "run", {}, {.summary = "{\"a\":" + std::string(200'000, '[') + std::string(200'000, ']') + "}"});
  ASSERT_EQ(::mkfifo((folder / "run/metrics.jsonl").c_str(), 0600), 0);
  const auto run = read_run(folder / "run");
  EXPECT_TRUE(run.summary.is_null());
  EXPECT_TRUE(run.metrics.curves.empty());
}

TEST(RunRecord, JudgesLinesOfOlderVersionsByTheirMetrics) {
  const run::EvaluationLine reached{.metrics = {{"target_error", 0.011}, {"target_floor", 0.01}, {"target_start", 1}}};
  EXPECT_EQ(verdict_of(reached), "reaches its target");
  EXPECT_EQ(reaches_target(reached), true);
  auto with_verdict = reached;
  with_verdict.verdict = "cannot be judged: rounded";
  EXPECT_EQ(verdict_of(with_verdict), "cannot be judged: rounded");
  EXPECT_EQ(reaches_target(with_verdict), std::nullopt);
}

TEST(RunList, HasARowForEachRun) {
  const ScratchFolder folder;
  train::Recipe recipe;
  recipe.method = "weak";
  write_run(folder / "00001-b", recipe, {.metrics = evaluation_line(10, 0.5) + evaluation_line(20, 0.7)});
  write_run(folder / "00000-a", {},
            {.metrics = "{\"iteration\":10000,\"cost\":1}\n", .summary = "{\"complete\": true}"});
  write_text(folder / "notes/readme.txt", "no run");
  const auto runs = list_runs(folder.path());
  ASSERT_EQ(runs.size(), 2);
  EXPECT_EQ(runs[0].folder.filename(), "00000-a");
  EXPECT_EQ(runs[0].state, RunState::complete);
  EXPECT_FALSE(runs[0].best_value.has_value());
  EXPECT_EQ(runs[1].method, "weak");
  EXPECT_EQ(runs[1].best_value, 0.5);
  EXPECT_EQ(runs[1].best_iteration, 10);
  EXPECT_THAT(runs[1].verdict, HasSubstr("MISSES"));
  EXPECT_THAT(message_of([&] { list_runs(folder / "none"); }), HasSubstr("cannot be read: No such file"));
}

}  // namespace
}  // namespace monge::report
