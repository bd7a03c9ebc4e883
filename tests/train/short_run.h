// Small trainings that leave checkpoints, for the tests of checkpoints.
#pragma once

#include <torch/types.h>

#include <memory>

#include "monge/core/random.h"
#include "monge/data/tensor_source.h"
#include "monge/ot/otp.h"
#include "monge/ot/weak.h"
#include "monge/train/trainer.h"
#include "tests/support/support.h"

namespace monge::train {

namespace fs = std::filesystem;

inline Recipe recipe_for(const std::string& method, bool image) {
  Recipe recipe;
  recipe.method = method;
  recipe.source.path = recipe.target.path = "toy:moons";
  recipe.map.width = image ? 2 : 16;
  recipe.potential.width = image ? 4 : 16;
  recipe.potential.width_max = 8;
  recipe.potential.r1 = 0.1;
  recipe.potential.r1_every = 3;
  recipe.potential.expectile = 0.1;
  recipe.section<ot::WeakOptions>().z = recipe.section<ot::KernelOptions>().z = 2;
  recipe.section<ot::OtpOptions>().cost = "kernel";
  recipe.section<ot::WeakOptions>().gamma_iters = 15;
  recipe.train.iterations = 20;
  recipe.train.batch = 5;
  recipe.train.k_t = 2;
  recipe.train.schedule = "cosine";
  recipe.train.warmup = 3;
  recipe.train.ema = 0.9;
  recipe.checkpoint.every = 1000;
  recipe.data.flip = image;
  return recipe;
}

/// Each side has 23 items, so that batches cross the ends of epochs.
inline TrainingData data_for(bool image) {
  const auto items = [&](int64_t step) {
    const std::vector<int64_t> shape = image ? std::vector<int64_t>{23, 3, 16, 16} : std::vector<int64_t>{23, 2};
    return std::make_shared<data::TensorSource>("items",
                                                torch::rand(shape, RandomStreams(5).at("items", step)) * 2 - 1);
  };
  const auto source = items(0), target = items(1);
  return {source, target, source, target};
}

inline Trainer trainer_in(const fs::path& folder, const Recipe& recipe, bool image, const LogSink& log = silent(),
                          const Files& files = real_files()) {
  return Trainer(recipe, data_for(image), torch::kCPU, folder, log, files);
}

/// Sets a stop flag after an iteration, as a signal would.
struct StopAt : Observer {
  StopAt(int64_t iteration, std::atomic<bool>& flag) : at(iteration), stop(flag) {}
  void iteration_done(Trainer&, int64_t done, const solve::IterationMetrics&) override { stop = done == at; }
  int64_t at;
  std::atomic<bool>& stop;
};

/// A run of 6 iterations with a checkpoint every 2.
struct ShortRun {
  explicit ShortRun(int64_t keep = 3) : recipe(recipe_for("strong", false)) {
    recipe.train.iterations = 6;
    recipe.checkpoint.every = 2;
    recipe.checkpoint.keep = keep;
    const std::atomic<bool> go{false};
    trainer_in(folder.path(), recipe, false).run(go);
  }
  fs::path checkpoints() const { return folder / "checkpoints"; }

  testing::ScratchFolder folder;
  Recipe recipe;
};

/// The names of the checkpoints, oldest first.
inline std::vector<std::string> names(const fs::path& parent) {
  std::vector<std::string> out;
  for (const auto& path : list_checkpoints(parent)) out.push_back(path.filename().string());
  return out;
}

}  // namespace monge::train
