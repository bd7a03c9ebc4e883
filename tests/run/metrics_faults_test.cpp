// The power fails at any operation of a run: no checkpoint is there whose iterations metrics.jsonl lacks.
#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>
#include <array>
#include <string>

#include "monge/run/metrics_file.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/stops.h"
#include "tests/train/short_run.h"

namespace monge::run {
namespace {

namespace fs = std::filesystem;
using testing::FaultyFileSystem;

constexpr int64_t kEnd = 3;

/// An observer that fails, as an evaluation whose image cannot be read.
struct FailsAt : train::Observer {
  void iteration_done(train::Trainer&, int64_t done, const solve::IterationMetrics&) override {
    if (done == kEnd) throw InputError("a/smile.png: No such file or directory");
  }
};

/// How a run comes to its last save.
enum class End { periodic, at_a_stop, after_a_failure };

/// Trains up to iteration 3, whose checkpoint is the only one.
void train_to(End end, const fs::path& folder) {
  auto recipe = train::recipe_for("strong", false);
  recipe.checkpoint.every = end == End::periodic ? kEnd : 1000;
  std::atomic<bool> stop{false};
  train::StopAt stop_at(kEnd, stop);
  FailsAt fails;
  auto trainer = train::trainer_in(folder, recipe, false);
  MetricsFile metrics(folder);
  trainer.attach(metrics);
  if (end == End::after_a_failure) trainer.attach(fails);
  if (end != End::after_a_failure) trainer.attach(stop_at);
  trainer.run(stop);
}

class DisturbedMetrics : public ::testing::TestWithParam<End> {};

TEST_P(DisturbedMetrics, AreOnTheDiskBeforeTheCheckpointOfTheirIterations) {
  for (const auto loss : {FaultyFileSystem::Loss::content, FaultyFileSystem::Loss::content_and_names}) {
    int64_t saved = 0;
    for (int64_t at = 1;; ++at) {
      const testing::ScratchFolder scratch;
      const auto run = scratch / "run";
      fs::create_directory(run), fs::create_directory(scratch / "trash");
      FaultyFileSystem files(scratch / "trash");
      files.stop_at(at);
      {
        const ScopedFileSystem faulty(files);
        try {
          train_to(GetParam(), run);
        } catch (const Error&) {
        }
      }
      const bool whole = files.operations() < at;
      files.lose(loss);
      SCOPED_TRACE(text("stop at ", at, ": ", files.refused(), ", loss ", static_cast<int>(loss)));
      if (fs::exists(run / "checkpoints/step_000003")) {
        ++saved;
        ASSERT_TRUE(fs::exists(run / "metrics.jsonl"));
        const auto lines = lines_until(kEnd, real_files().read(run / "metrics.jsonl")).lines;
        EXPECT_EQ(std::count(lines.begin(), lines.end(), '\n'), kEnd) << lines;
      }
      if (whole || HasFailure()) break;
    }
    EXPECT_GT(saved, 0) << "the attack never came as far as the save";
  }
}

std::string name_of(const ::testing::TestParamInfo<End>& instance) {
  constexpr std::array kNames = {"APeriodicSave", "ASaveAtAStop", "ASaveAfterAFailure"};
  return kNames[static_cast<size_t>(instance.param)];
}

INSTANTIATE_TEST_SUITE_P(Of, DisturbedMetrics, ::testing::Values(End::periodic, End::at_a_stop, End::after_a_failure),
                         name_of);

}  // namespace
}  // namespace monge::run
