#include "monge/solve/settings.h"

#include <ATen/Context.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cstdlib>

#include "monge/ot/schedule.h"

namespace monge::solve {
namespace {

/// Restores the former settings for the tests that follow.
struct Restored {
  ~Restored() { apply_settings({}, torch::kCPU); }
};

TEST(Settings, SayWhatTheOptionsSay) {
  const Restored restored;
  auto& context = at::globalContext();
  TrainOptions options;
  apply_settings(options, torch::kCPU);
  EXPECT_FALSE(context.deterministicAlgorithms());
  options.deterministic = true;
  apply_settings(options, torch::kCPU);
  EXPECT_TRUE(context.deterministicAlgorithms());
  EXPECT_TRUE(context.deterministicAlgorithmsWarnOnly());  // else the UNet could not be trained on a GPU
  EXPECT_FALSE(context.deterministicFillUninitializedMemory());
}

TEST(Settings, OfAGpuAreSet) {
  const bool tf32 = at::globalContext().allowTF32CuDNN(), benchmark = at::globalContext().benchmarkCuDNN();
  auto& context = at::globalContext();
  TrainOptions options;
  apply_settings(options, torch::kCUDA);
  EXPECT_TRUE(context.allowTF32CuBLAS());
  EXPECT_TRUE(context.allowTF32CuDNN());
  EXPECT_TRUE(context.benchmarkCuDNN());
  EXPECT_FALSE(context.deterministicCuDNN());
  options.deterministic = true;
  options.tf32 = false;
  apply_settings(options, torch::kCUDA);
  EXPECT_FALSE(context.allowTF32CuBLAS());
  EXPECT_FALSE(context.allowTF32CuDNN());
  EXPECT_FALSE(context.benchmarkCuDNN());  // which algorithm is fastest differs from run to run
  EXPECT_TRUE(context.deterministicCuDNN());
  EXPECT_NE(std::getenv("CUBLAS_WORKSPACE_CONFIG"), nullptr);
  options.deterministic = false;
  options.tf32 = tf32;
  options.cudnn_benchmark = benchmark;
  apply_settings(options, torch::kCUDA);
}

TEST(TrainOptionsRates, TheCosineEndsAtTheFloor) {
  TrainOptions train;
  train.schedule = "cosine";
  train.iterations = 100;
  EXPECT_NEAR(ot::rate_factor(train.rates(), 100), 0, 1e-12);
  train.rate_floor = 0.3;
  EXPECT_NEAR(ot::rate_factor(train.rates(), 0), 1, 1e-12);
  EXPECT_NEAR(ot::rate_factor(train.rates(), 50), 0.65, 1e-12);
  EXPECT_NEAR(ot::rate_factor(train.rates(), 100), 0.3, 1e-12);
}

}  // namespace
}  // namespace monge::solve
