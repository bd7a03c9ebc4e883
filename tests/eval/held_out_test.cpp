#include "monge/eval/evaluation.h"

#include <atomic>

#include <gtest/gtest.h>
#include <torch/types.h>

#include "monge/train/trainer.h"
#include "tests/support/support.h"

namespace monge::eval {
namespace {

// More noise makes the target easier and the map worse: no checkpoint is the best one while the noise still falls.
TEST(HeldOut, CallsNoMapTheBestWhileTheNoiseFalls) {
  train::Recipe recipe;
  recipe.method = "otp";
  recipe.source.path = "toy:perpendicular?side=source";
  recipe.target.path = "toy:perpendicular?side=target";
  recipe.otp.eps_start = 5;
  recipe.otp.eps_end = "0.01";
  recipe.otp.anneal = 0.5;  // iterations 1 and 2 of 4; 3 and 4 are at the end
  recipe.map.width = recipe.potential.width = 8;
  recipe.train.iterations = 4;
  recipe.train.batch = 16;
  recipe.train.k_t = 1;
  recipe.eval.every = 1;
  recipe.eval.samples = 64;
  train::Trainer trainer(recipe, train::open_training_data(recipe, silent()), torch::kCPU, "", silent());
  int64_t evaluated = 0;
  HeldOut held_out([&](int64_t, const Evaluation&) { ++evaluated; });
  trainer.attach(held_out);
  trainer.run(std::atomic<bool>{false});
  EXPECT_EQ(evaluated, 4);
  ASSERT_TRUE(trainer.best_figure().has_value());
  EXPECT_GE(trainer.best_iteration(), 3);
}

}  // namespace
}  // namespace monge::eval
