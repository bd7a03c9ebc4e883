// How a training prepares the images of two sides: channels, ranges, and the messages when the sides do not fit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "monge/io/image.h"
#include "monge/io/npy.h"
#include "monge/model/model.h"
#include "monge/solve/nets.h"
#include "monge/train/trainer.h"
#include "tests/io/odd_images.h"
#include "tests/support/support.h"

namespace monge::train {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using testing::message_of;
using testing::ScratchFolder;

class TrainingImages : public ::testing::Test {
 protected:
  void fill(const std::string& name, int64_t channels) {
    std::filesystem::create_directories(folder / name);
    torch::manual_seed(static_cast<uint64_t>(channels));
    for (int i = 0; i < 6; ++i)
      io::write_image(folder / name / (std::to_string(i) + ".png"),
                      torch::randint(0, 256, {16, 16, channels}, torch::kUInt8));
  }

  Recipe recipe(const std::string& source, const std::string& target) {
    Recipe out;
    out.source.path = (folder / source).string();
    out.target.path = (folder / target).string();
    out.source.size = out.target.size = 16;
    out.map.width = 2;
    out.potential.width = 4;
    out.potential.width_max = 8;
    out.train.iterations = 2;
    out.train.batch = 4;
    out.train.k_t = 1;
    out.eval.holdout = 0;
    return out;
  }

  std::vector<int64_t> shape_of(const std::shared_ptr<const data::Source>& source) { return source->item_shape(); }

  ScratchFolder folder;
  std::vector<std::string> lines;
  LogSink log = [this](LogLevel, const std::string& line) { lines.push_back(line); };
};

TEST_F(TrainingImages, StayGreyWhereBothSidesAre) {
  fill("a", 1);
  fill("b", 1);
  auto grey = recipe("a", "b");
  const auto data = open_training_data(grey, {.log = log});
  EXPECT_EQ(data.source->item_shape(), (std::vector<int64_t>{1, 16, 16}));
  Trainer trainer(grey, data, torch::kCPU, folder / "run", log);
  EXPECT_EQ(trainer.recipe().source.colour, "grey") << "written down for resume and use";
  std::atomic<bool> stop{false};
  ASSERT_TRUE(trainer.run(stop));
  const auto model = model::load_model(folder / "run", torch::kCPU, log);
  EXPECT_EQ(model.item_shape, (std::vector<int64_t>{1, 16, 16}));
  EXPECT_EQ(model.recipe->source.colour, "grey");
  for (const char* setting : {"rgb", "grey = true"}) {
    auto three = recipe("a", "b");
    three.source.colour = three.target.colour = std::string(setting) == "rgb" ? "rgb" : "auto";
    three.source.grey = three.target.grey = std::string(setting) != "rgb";
    EXPECT_EQ(open_training_data(three, {.log = log}).source->item_shape()[0], 3) << setting;
  }
}

TEST_F(TrainingImages, GreyAgainstColourIsToldForWhatItIs) {
  fill("grey", 1);
  fill("colour", 3);
  for (const bool grey_source : {true, false}) {
    lines.clear();
    auto mixed = grey_source ? recipe("grey", "colour") : recipe("colour", "grey");
    const auto data = open_training_data(mixed, {.log = log});
    EXPECT_EQ(data.source->item_shape(), data.target->item_shape());
    EXPECT_EQ(data.source->item_shape()[0], 3);
    EXPECT_THAT(lines,
                Contains(AllOf(HasSubstr(grey_source ? "the source is grey and the other side has colour"
                                                     : "the target is grey and the other side has colour"),
                               HasSubstr(grey_source ? "target.colour = \"grey\"" : "source.colour = \"grey\""))));
    (grey_source ? mixed.target : mixed.source).colour = "grey";
    EXPECT_EQ(open_training_data(mixed, {.log = log}).target->item_shape()[0], 1);
  }
}

TEST_F(TrainingImages, ArraysOfUnequalChannelsOrSidesSayWhatToDo) {
  const Recipe any;
  EXPECT_THAT(message_of([&] { solve::make_map(any, {1, 16, 16}, {3, 16, 16}); }),
              AllOf(HasSubstr("the source is grey (1 channel) and the target has colour (3 channels)"),
                    HasSubstr("numpy.repeat(x, 3, 1)")));
  EXPECT_THAT(message_of([&] { solve::make_map(any, {3, 16, 16}, {1, 16, 16}); }),
              HasSubstr("the target is grey (1 channel)"));
  EXPECT_THAT(message_of([&] { solve::make_map(any, {3, 16, 16}, {3, 24, 24}); }),
              AllOf(HasSubstr("source.size"), HasSubstr("arrays keep their own size")));
  EXPECT_THAT(message_of([&] { solve::make_map(any, {2}, {3}); }), HasSubstr("the same number of columns"));
  EXPECT_THAT(message_of([&] { solve::make_map(any, {2}, {3, 8, 8}); }), HasSubstr("images on both sides"));
  EXPECT_THAT(message_of([&] { solve::make_map(any, {3, 16, 24}, {3, 24, 16}); }),
              HasSubstr("[3, 16, 24] and [3, 24, 16]"));
  // With an array in colour, a folder of grey images gets three channels. In the reverse case the message says what to
  // set.
  fill("grey", 1);
  fill("colour", 3);
  io::write_npy(folder / "rgb.npy", torch::randint(0, 256, {8, 3, 16, 16}, torch::kUInt8));
  io::write_npy(folder / "grey.npy", torch::randint(0, 256, {8, 1, 16, 16}, torch::kUInt8));
  EXPECT_EQ(open_training_data(recipe("grey", "rgb.npy"), {.log = log}).source->item_shape()[0], 3);
  EXPECT_EQ(open_training_data(recipe("grey", "grey.npy"), {.log = log}).source->item_shape()[0], 1);
}

TEST_F(TrainingImages, AMeasuredRangeIsWrittenDown) {
  for (const char* side : {"a", "b"}) {
    std::filesystem::create_directories(folder / side);
    for (int i = 0; i < 3; ++i) {
      torch::manual_seed(static_cast<uint64_t>(i));
      io::write_image(folder / side / (std::to_string(i) + ".png"),
                      testing::deep_image(torch::randint(0, side[0] == 'a' ? 4096 : 1024, {16, 16, 1})));
    }
  }
  auto deep = recipe("a", "b");
  deep.source.range = deep.target.range = "auto";
  const auto data = open_training_data(deep, {.log = log});
  const Trainer trainer(deep, data, torch::kCPU, "", log);
  EXPECT_EQ(trainer.recipe().source.range, "0..4095");
  EXPECT_EQ(trainer.recipe().target.range, "0..4095") << "one that holds both, as the cost compares their values";
}

}  // namespace
}  // namespace monge::train
