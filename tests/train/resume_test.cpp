// The training loop: runs resume bit for bit and end when they should.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "monge/core/error.h"
#include "monge/data/tensor_source.h"
#include "monge/io/npy.h"
#include "monge/train/trainer.h"
#include "tests/train/short_run.h"

namespace monge::train {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

struct Exact {
  std::string method;
  bool image;
  std::string graph = "auto";  ///< on: the form that a GPU replays
};
void PrintTo(const Exact& exact, std::ostream* out) {
  *out << exact.method << (exact.image ? " image" : " vector") << " graph " << exact.graph;
}

class Resume : public ::testing::TestWithParam<Exact> {};

TEST_P(Resume, TwentyEqualTenAndTenInEveryTensor) {
  const auto [method, image, graph] = GetParam();
  const std::atomic<bool> go{false};
  testing::ScratchFolder straight, broken;
  auto recipe = recipe_for(method, image);
  recipe.train.graph = graph;
  auto whole = trainer_in(straight.path(), recipe, image);
  EXPECT_TRUE(whole.run(go));

  // The first half stops in the middle of the whole run's schedules, as a signal would stop it.
  std::atomic<bool> stop{false};
  StopAt watcher(10, stop);
  {
    auto half = trainer_in(broken.path(), recipe, image);
    half.attach(watcher);
    EXPECT_FALSE(half.run(stop));
    EXPECT_EQ(half.done(), 10);
  }
  auto rest = trainer_in(broken.path(), recipe, image);
  rest.resume(load_newest(broken.path() / "checkpoints", silent()));
  EXPECT_EQ(rest.done(), 10);
  EXPECT_TRUE(rest.run(go));

  const auto a = whole.solver().state(), b = rest.solver().state();
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    ASSERT_EQ(a[i].first, b[i].first);
    EXPECT_TRUE(torch::equal(a[i].second, b[i].second)) << a[i].first;
  }
}

INSTANTIATE_TEST_SUITE_P(EveryMethod, Resume,
                         ::testing::Values(Exact{"strong", false}, Exact{"weak", false}, Exact{"kernel", false},
                                           Exact{"noised", false}, Exact{"strong", true}, Exact{"weak", true},
                                           Exact{"kernel", true}, Exact{"noised", true}, Exact{"otp", false},
                                           Exact{"otp", true}, Exact{"weak", false, "on"}, Exact{"otp", true, "on"}),
                         [](const auto& info) {
                           return info.param.method + (info.param.image ? "_image" : "_vector") +
                                  (info.param.graph == "on" ? "_captured" : "");
                         });

/// Items that are finite until `broken` is set; then every draw of them holds a NaN.
class Spoilable : public data::TensorSource {
 public:
  explicit Spoilable(const torch::Tensor& rows) : TensorSource("spoilable", rows) {}
  torch::Tensor stored_items(const std::vector<int64_t>& indices) const override {
    auto out = TensorSource::stored_items(indices).clone();
    if (broken) out[0][0] = std::numeric_limits<float>::quiet_NaN();
    return out;
  }
  bool broken = false;
};

// A NaN in the data after iteration 5: the run ends, names the step, and the checkpoint of iteration 4 is whole.
TEST(Trainer, DivergenceKeepsTheLastGoodCheckpoint) {
  testing::ScratchFolder folder;
  auto recipe = recipe_for("strong", false);
  recipe.checkpoint.every = 2;
  recipe.train.on_divergence = "stop";
  auto data = data_for(false);
  const auto source = std::make_shared<Spoilable>(torch::rand({23, 2}));
  data.source = source;
  struct Spoil : Observer {
    explicit Spoil(Spoilable& spoilt) : source(spoilt) {}
    void iteration_done(Trainer&, int64_t done, const solve::IterationMetrics&) override { source.broken = done == 5; }
    Spoilable& source;
  } spoil(*source);
  Trainer trainer(recipe, data, torch::kCPU, folder.path(), silent());
  trainer.attach(spoil);
  const std::atomic<bool> go{false};
  EXPECT_THAT(testing::message_of([&] { trainer.run(go); }), AllOf(HasSubstr("diverged"), HasSubstr("source batch")));
  EXPECT_THAT(names(folder / "checkpoints"), ::testing::ElementsAre("step_000002", "step_000004"));
  for (const auto& tensors : {trainer.solver().state(), load_newest(folder / "checkpoints", silent()).tensors}) {
    for (const auto& [name, tensor] : tensors) {
      if (tensor.is_floating_point()) {
        EXPECT_TRUE(torch::isfinite(tensor).all().item<bool>()) << name;
      }
    }
  }
}

TEST(Trainer, WarnsWhenTheDataHaveChangedSinceTheCheckpoint) {
  const ShortRun run;
  auto data = data_for(false);
  data.source = std::make_shared<data::TensorSource>("fewer", torch::rand({10, 2}));
  std::string logged;
  Trainer trainer(run.recipe, data, torch::kCPU, run.folder.path(),
                  [&](LogLevel, const std::string& line) { logged += line; });
  trainer.resume(load_newest(run.checkpoints(), silent()));
  EXPECT_THAT(logged, AllOf(HasSubstr("source has 10"), HasSubstr("23")));
}

// An equal number of rows with other values is other data, too.
TEST(Trainer, WarnsWhenValuesHaveChangedSinceTheCheckpoint) {
  testing::ScratchFolder folder;
  auto recipe = recipe_for("strong", false);
  recipe.source.path = (folder / "a.npy").string();
  recipe.target.path = (folder / "b.npy").string();
  recipe.data.standardise = "joint";
  recipe.train.iterations = 1;
  const auto rows = torch::rand({40, 2}, RandomStreams(9).at("rows", 0));
  io::write_npy(folder / "a.npy", rows);
  io::write_npy(folder / "b.npy", rows + 1);
  const auto checkpoints = folder / "run/checkpoints";
  Trainer(recipe, open_training_data(recipe), torch::kCPU, folder / "run", silent()).run(std::atomic<bool>{false});
  const auto logged = [&](const Checkpoint& checkpoint) {
    std::string out;
    const auto data =
        open_training_data(recipe, {.standardisation = checkpoint.standardisation, .columns = checkpoint.columns});
    Trainer(recipe, data, torch::kCPU, "", [&](LogLevel level, const std::string& line) {
      if (level == LogLevel::warning) out += line + "\n";
    }).resume(checkpoint);
    return out;
  };
  auto checkpoint = load_newest(checkpoints, silent());
  EXPECT_EQ(checkpoint.source_fingerprint.size(), 16u);
  EXPECT_EQ(logged(checkpoint), "");
  io::write_npy(folder / "a.npy", rows + 1e-6);
  EXPECT_EQ(logged(checkpoint), "source: " + recipe.source.path +
                                    " holds other values than when the checkpoint was saved; the run continues with "
                                    "the present values and differs from an uninterrupted one\n");
  checkpoint.source_fingerprint.clear();  // as in older checkpoints
  EXPECT_EQ(logged(checkpoint), "");
}

TEST(Checkpoint, OfDataWithoutAFingerprintHasNone) {
  const ShortRun run;
  EXPECT_THAT(real_files().read(run.checkpoints() / "step_000006" / "manifest.json"),
              ::testing::Not(HasSubstr("fingerprint")));
  EXPECT_EQ(load_newest(run.checkpoints(), silent()).source_fingerprint, "");
}

}  // namespace
}  // namespace monge::train
