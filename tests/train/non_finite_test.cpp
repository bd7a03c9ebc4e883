// Values that are not finite, in each place where a fault can leave them, on one rank and on one rank of two: the step
// is not taken, the message names iteration, update, batch and rank, and the last checkpoint stays.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <optional>
#include <utility>

#include "monge/core/error.h"
#include "tests/support/ranks.h"
#include "tests/train/short_run.h"

namespace monge::train {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int64_t kSpoiltAfter = 5;  // iterations; the last checkpoint is of 4
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

/// Items that all hold `value`, once it is set.
class SpoiltSource : public data::TensorSource {
 public:
  explicit SpoiltSource(const torch::Tensor& rows) : TensorSource("spoilt", rows) {}
  torch::Tensor stored_items(const std::vector<int64_t>& indices) const override {
    auto out = TensorSource::stored_items(indices).clone();
    if (value) out.fill_(*value);
    return out;
  }
  std::optional<float> value;
};

enum class Place { source, target, loss, gradient_map, gradient_potential, moment_map, moment_potential, parameter };

struct PlaceOfFault {
  Place place;
  const char* net;      ///< the prefix of the tensors of the net whose step must not be taken
  const char* message;  ///< a part of it
};

constexpr std::array<PlaceOfFault, 8> kPlaces{
    {{Place::source, "map/", "map update 1 of 2 (source batch 15): loss nan"},
     {Place::target, "potential/", "potential update (source batch 17, target batch 5): loss nan"},
     {Place::loss, "map/", "map update 1 of 2 (source batch 15): loss inf"},
     {Place::gradient_map, "map/", "map update 1 of 2 (source batch 15): loss"},
     {Place::gradient_potential, "potential/", "potential update (source batch 17, target batch 5): loss"},
     {Place::moment_map, "map/", "map update 1 of 2 (source batch 15): loss nan"},
     {Place::moment_potential, "potential/", "potential update (source batch 17, target batch 5): loss nan"},
     {Place::parameter, "map/", "map update 1 of 2 (source batch 15): loss nan"}}};

/// A training whose rank puts a value into a place after kSpoiltAfter iterations.
class SpoiltRun : public Observer {
 public:
  /// @param spoils  whether this rank does.
  SpoiltRun(const PlaceOfFault& fault, const fs::path& folder, dist::ProcessGroup& group, bool spoils)
      : fault_(fault), spoils_(spoils) {
    auto recipe = recipe_for("strong", false);
    recipe.train.batch = 6;
    recipe.checkpoint.every = 2;
    recipe.data.workers = 0;
    recipe.train.on_divergence = "stop";
    auto data = data_for(false);
    data.source = source_ = std::make_shared<SpoiltSource>(data.source->stored_items(all()));
    data.target = target_ = std::make_shared<SpoiltSource>(data.target->stored_items(all()));
    trainer = std::make_unique<Trainer>(recipe, data, torch::kCPU, folder, silent(), real_files(), group);
    const bool of_map = fault.place == Place::gradient_map;
    if (of_map || fault.place == Place::gradient_potential) {
      auto weight = tensor_of(of_map ? "map/" : "potential/");
      weight.register_hook([this](const torch::Tensor& gradient) {
        return spoilt_ ? torch::full_like(gradient, std::numeric_limits<float>::infinity()) : gradient;
      });
    }
    trainer->attach(*this);
  }

  /// @return the message with which the training ends.
  std::string run() {
    const std::atomic<bool> go{false};
    return testing::message_of([&] { trainer->run(go); });
  }

  void iteration_done(Trainer&, int64_t done, const solve::IterationMetrics&) override {
    if (done != kSpoiltAfter) return;
    if (spoils_) spoil();
    for (const auto& [name, tensor] : trainer->solver().state()) before_.emplace_back(name, tensor.clone());
  }

  /// The parameters, moments and averages of the net are those from before the update.
  void expect_no_step() const {
    ASSERT_FALSE(before_.empty());
    const auto now = trainer->solver().state();
    int64_t compared = 0;
    for (size_t i = 0; i < now.size(); ++i) {
      const auto& [name, tensor] = now[i];
      if (!name.starts_with(fault_.net) && !name.starts_with(std::string("adam_") + fault_.net) &&
          !name.starts_with("ema/"))
        continue;
      EXPECT_TRUE(torch::allclose(tensor, before_[i].second, 0, 0, /*equal_nan=*/true)) << name;
      ++compared;
    }
    EXPECT_GT(compared, 10);
  }

  std::unique_ptr<Trainer> trainer;

 private:
  static std::vector<int64_t> all() {
    std::vector<int64_t> out(23);
    std::iota(out.begin(), out.end(), 0);
    return out;
  }

  torch::Tensor tensor_of(const std::string& prefix) const {
    for (const auto& [name, tensor] : trainer->solver().state()) {
      if (name.starts_with(prefix) && tensor.numel() > 3) return tensor;
    }
    ADD_FAILURE() << "no tensor " << prefix;
    return {};
  }

  void spoil() {
    const auto put = [&](const char* prefix) { tensor_of(prefix).detach().view(-1)[1] = kNan; };
    spoilt_ = true;
    switch (fault_.place) {
      case Place::source:
        source_->value = kNan;
        break;
      case Place::target:
        target_->value = kNan;
        break;
      case Place::loss:
        source_->value = 1e30F;
        break;  // the cost is its square
      case Place::gradient_map:
      case Place::gradient_potential:
        break;
      case Place::moment_map:
        put("adam_map/exp_avg/");
        break;
      case Place::moment_potential:
        put("adam_potential/exp_avg_sq/");
        break;
      case Place::parameter:
        put("map/");
        break;
    }
  }

  const PlaceOfFault& fault_;
  bool spoils_, spoilt_ = false;
  std::shared_ptr<SpoiltSource> source_, target_;
  nn::NamedTensors before_;
};

void expect_checkpoint_kept(const fs::path& run) {
  const auto kept = load_newest(run / "checkpoints", silent());
  EXPECT_EQ(kept.iteration, 4);
  for (const auto& [name, tensor] : kept.tensors) {
    if (tensor.is_floating_point()) {
      EXPECT_TRUE(tensor.isfinite().all().item<bool>()) << name;
    }
  }
}

TEST(NonFinite, NoStepIsTakenAndTheCheckpointStays) {
  for (const auto& fault : kPlaces) {
    SCOPED_TRACE(fault.message);
    testing::ScratchFolder folder;
    dist::ProcessGroup alone;
    SpoiltRun run(fault, folder.path(), alone, /*spoils=*/true);
    EXPECT_THAT(run.run(),
                AllOf(HasSubstr("outer iteration 5"), HasSubstr(fault.message), HasSubstr("the step was not taken")));
    run.expect_no_step();
    expect_checkpoint_kept(folder.path());
  }
}

TEST(NonFinite, OnOneRankOfTwoNoRankTakesTheStep) {
  for (const auto& fault : kPlaces) {
    SCOPED_TRACE(fault.message);
    testing::ScratchFolder folder;
    std::array<std::string, 2> messages;
    testing::run_ranks(2, [&](dist::ProcessGroup& group) {
      SpoiltRun run(fault, group.is_root() ? folder.path() : fs::path(), group, /*spoils=*/group.rank() == 1);
      messages[static_cast<size_t>(group.rank())] = run.run();
      run.expect_no_step();
    });
    const std::string update(fault.message, std::string(fault.message).find(':'));
    for (const auto& message : messages) {
      EXPECT_THAT(message, AllOf(HasSubstr("outer iteration 5"), HasSubstr(update), HasSubstr("rank 1")));
      // The expectile term is scaled by the mean cost over all ranks, which carries the NaN of one target batch to all.
      if (fault.place != Place::target) {
        EXPECT_THAT(message, Not(HasSubstr("rank 0")));
      }
    }
    expect_checkpoint_kept(folder.path());
  }
}

TEST(NonFinite, AMomentIsNamed) {
  testing::ScratchFolder folder;
  dist::ProcessGroup alone;
  SpoiltRun run(kPlaces[5], folder.path(), alone, /*spoils=*/true);
  EXPECT_THAT(run.run(), HasSubstr("a moment of the optimiser"));
}

// No update of a training reads the running statistics, so no step is in danger; the state is not saved.
TEST(NonFinite, StatisticsOfBatchNormOnOneRankAreNotSaved) {
  testing::ScratchFolder folder;
  std::array<std::string, 2> messages;
  testing::run_ranks(2, [&](dist::ProcessGroup& group) {
    auto recipe = recipe_for("strong", /*image=*/true);
    recipe.train.batch = 4;
    recipe.train.on_divergence = "stop";
    recipe.train.iterations = 8;
    recipe.checkpoint.every = 2;
    struct SpoilsStatistics : Observer {
      explicit SpoilsStatistics(bool on) : spoils(on) {}
      void iteration_done(Trainer& trainer, int64_t done, const solve::IterationMetrics&) override {
        if (done != kSpoiltAfter || !spoils) return;
        for (auto& buffer : trainer.solver().map().buffers()) {
          if (buffer.is_floating_point()) buffer.fill_(kNan);
        }
      }
      bool spoils;
    } spoils(group.rank() == 1);
    Trainer trainer(recipe, data_for(true), torch::kCPU, group.is_root() ? folder.path() : fs::path(), silent(),
                    real_files(), group);
    trainer.attach(spoils);
    const std::atomic<bool> go{false};
    messages[static_cast<size_t>(group.rank())] = testing::message_of([&] { trainer.run(go); });
  });
  for (const auto& message : messages)
    EXPECT_THAT(message, AllOf(HasSubstr("after outer iteration 5"), HasSubstr("running_"), HasSubstr("not finite"),
                               HasSubstr("nothing was saved")));
  expect_checkpoint_kept(folder.path());
}

}  // namespace
}  // namespace monge::train
