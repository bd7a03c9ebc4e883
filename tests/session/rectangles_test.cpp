// Trainings on images that are not squares, from files to outputs.
#include <gmock/gmock.h>

#include <atomic>

#include "monge/core/random.h"
#include "monge/data/pack.h"
#include "monge/io/image.h"
#include "monge/monge.h"
#include "monge/ot/weak.h"
#include "tests/support/support.h"

namespace monge::session {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

/// Two folders with photographs of 40 x 30 and of 30 x 40 pixels.
class Rectangles : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* side : {"a", "b"}) {
      fs::create_directories(folder / side);
      for (int64_t i = 0; i < 12; ++i) {
        const bool tall = i % 2 == 1;
        const auto image = torch::randint(0, 256, {tall ? 40 : 30, tall ? 30 : 40, 3},
                                          RandomStreams(static_cast<uint64_t>(i)).at(side, 0), torch::kUInt8);
        io::write_image(folder / side / (std::to_string(i) + ".png"), image);
      }
    }
  }

  train::Recipe recipe(const std::string& net = "unet") const {
    train::Recipe out;
    out.method = "weak";
    out.source.path = (folder / "a").string();
    out.target.path = (folder / "b").string();
    out.source.size = out.target.size = {24, 16};
    out.section<ot::WeakOptions>().z = 2;
    out.map.net = net;
    out.map.width = 4;
    out.map.depth = 2;
    out.potential.width = 4;
    out.potential.width_max = 8;
    out.potential.r1 = 0.1;
    out.data.flip = true;
    out.data.random_crop = 2;
    out.train.iterations = 4;
    out.train.k_t = 1;
    out.train.batch = 4;
    out.train.threads = 1;
    out.eval.every = out.checkpoint.every = out.samples.every = 2;
    out.eval.samples = 4;
    out.eval.holdout = 0.4;
    return out;
  }

  testing::ScratchFolder folder;
};

TEST_F(Rectangles, AreTrainedOnEvaluatedResumedAndTranslated) {
  auto whole = recipe();
  const auto run = Session::train(whole, {}, {}, {.out = folder / "whole"});
  ASSERT_TRUE(run.evaluation().has_value());
  EXPECT_EQ(run.model().get().item_shape, (std::vector<int64_t>{3, 16, 24}));
  EXPECT_THAT(real_files().read(run.folder() / "recipe.toml"), HasSubstr("size = \"24x16\""));
  EXPECT_TRUE(fs::exists(run.folder() / "samples/step_000004.png"));

  whole.train.iterations = 2;
  const auto half = Session::train(whole, {}, {}, {.out = folder / "half"});
  const auto resumed = Session::resume(half.folder(), {"train.iterations=4"});
  const auto x = torch::rand({2, 3, 16, 24}) * 2 - 1;
  EXPECT_TRUE(torch::equal(resumed.model().translate(x), run.model().translate(x)));

  // Larger images keep their size; the size of the training is the rectangle.
  const auto model = Model::load(run.folder());
  model.translate(folder / "a", folder / "kept");
  EXPECT_EQ(io::read_image(folder / "kept/1.png").sizes(), torch::IntArrayRef({40, 30, 3}));
  model.translate((folder / "a").string(), (folder / "small").string(), {.size = "train"});
  EXPECT_EQ(io::read_image(folder / "small/1.png").sizes(), torch::IntArrayRef({16, 24, 3}));
  EXPECT_GE(model.evaluate({.samples = 4}).evaluation.value("target_error"), 0);
}

TEST_F(Rectangles, AreShownBesideTheRightOutputs) {
  const auto run = Session::train(recipe());
  const auto source = (folder / "a").string(), target = (folder / "b").string();  // files of the same names
  const auto found = run.model().evaluate(
      {.source = source, .target = target, .truth = target, .grid = folder / "grid.png", .samples = 12});
  EXPECT_GT(found.evaluation.value("truth_psnr"), 0);
  // 12 inputs, 5 in a row with 3 cells each, of 24 x 16 pixels enlarged 4 times, with borders of 2 pixels.
  EXPECT_EQ(io::read_image(folder / "grid.png").sizes(),
            torch::IntArrayRef({3 * (16 * 4 + 2) + 2, 15 * (24 * 4 + 2) + 2, 3}));
  EXPECT_THAT(testing::message_of([&] { run.model().evaluate({.grid = folder / "grid.png"}); }),
              AllOf(HasSubstr("EvaluateOptions::grid"), HasSubstr("add EvaluateOptions::truth")));
}

TEST_F(Rectangles, ArePackedAtTheirSize) {
  data::PackOptions pack;
  pack.preparation.width = 24;
  pack.preparation.height = 16;
  const std::atomic<bool> never{false};
  for (const char* side : {"a", "b"})
    data::pack(folder / side, folder / (std::string("packed-") + side), pack, silent(), {}, never);
  auto packed = recipe();
  packed.source.path = (folder / "packed-a").string();
  packed.target.path = (folder / "packed-b").string();
  const auto x = torch::rand({2, 3, 16, 24}) * 2 - 1;
  const auto from_files = Session::train(recipe()), from_packs = Session::train(packed);
  EXPECT_TRUE(torch::equal(from_files.model().translate(x), from_packs.model().translate(x)));
}

TEST_F(Rectangles, TrainTheDdpmMapToo) {
  const auto run = Session::train(recipe("ddpm"));
  EXPECT_TRUE(run.complete());
  EXPECT_EQ(run.model().translate(torch::zeros({1, 3, 16, 24})).sizes(), torch::IntArrayRef({1, 1, 3, 16, 24}));
}

TEST_F(Rectangles, MustAgreeOnBothSides) {
  auto turned = recipe();
  turned.target.size = {16, 24};
  EXPECT_THAT(testing::message_of([&] { Session::train(turned); }),
              AllOf(HasSubstr("[3, 16, 24] and [3, 24, 16]"), HasSubstr("source.size, target.size")));
}

}  // namespace
}  // namespace monge::session
