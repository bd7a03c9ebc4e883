// Images that can be used when a set is opened, and break while it is translated.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>

#include "monge/core/random.h"
#include "monge/io/image.h"
#include "monge/io/npy.h"
#include "monge/session/session.h"
#include "tests/support/ranks.h"
#include "tests/support/support.h"

namespace monge::session {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int64_t kCount = 8;

/// A map of images of 16 x 16 pixels of an unbalanced problem, trained for one iteration.
Model tiny_map() {
  train::Recipe recipe;
  recipe.map.width = recipe.map.depth = 2;
  recipe.potential.width = recipe.potential.width_max = 4;
  recipe.unbalanced.source = "kl";
  recipe.train.iterations = recipe.train.k_t = 1;
  recipe.train.batch = 4;
  recipe.train.threads = 1;
  recipe.eval.every = recipe.samples.every = 0;
  const auto side = [](const char* name) { return torch::rand({8, 3, 16, 16}, RandomStreams(1).at(name, 0)) * 2 - 1; };
  return Session::train(recipe, side("x"), side("y")).model();
}

std::string name_of(int64_t image) { return std::to_string(image) + ".png"; }

/// A folder "in" of 8 images, and its translation to "out".
struct Translation {
  explicit Translation(int64_t side = 16) {
    fs::create_directory(folder / "in");
    for (int64_t i = 0; i < kCount; ++i) {
      io::write_image(folder / "in" / name_of(i),
                      torch::randint(0, 256, {side, side, 3}, RandomStreams(2).at("pixels", i), torch::kUInt8));
    }
  }

  /// As soon as a part is done, 3.png vanishes and 6.png ends early.
  void damage() const {
    fs::remove(folder / "in/3.png");
    fs::resize_file(folder / "in/6.png", fs::file_size(folder / "in/6.png") / 2);
  }

  TranslateResult translate(const Model& model, const TranslateOptions& options, const std::function<void()>& disturb,
                            dist::ProcessGroup& group = dist::ProcessGroup::single()) {
    Hooks hooks{.log = [this](LogLevel level, const std::string& line) {
      if (level == LogLevel::warning) warnings += line + '\n';
    }};
    bool done = false;
    hooks.progress = [&](const std::string& step, int64_t, int64_t) {
      if (step == "translating" && !std::exchange(done, true)) disturb();
    };
    return model.translate((folder / "in").string(), (folder / "out").string(), options, {.group = group}, hooks);
  }

  std::set<std::string> outputs() const {
    std::set<std::string> out;
    for (const auto& entry : fs::directory_iterator(folder / "out")) out.insert(entry.path().filename());
    return out;
  }

  testing::ScratchFolder folder;
  std::string warnings;
};

const std::set<std::string> kUsable{"0.png", "1.png", "2.png", "4.png", "5.png", "7.png"};

/// By batches, one by one at the size of the training, and one by one at their own size.
TEST(BrokenImages, AreSkippedAndCountedIfAskedFor) {
  const auto model = tiny_map();
  for (const auto& [side, batch] : std::vector<std::pair<int64_t, int64_t>>{{16, 2}, {16, 1}, {24, 0}}) {
    Translation undisturbed(side), disturbed(side);
    const TranslateOptions options{.batch = batch, .on_error = "skip", .size = side == 16 ? "train" : "keep"};
    undisturbed.translate(model, options, [] {});
    const auto result = disturbed.translate(model, options, [&] { disturbed.damage(); });
    EXPECT_TRUE(result.complete);
    EXPECT_EQ(result.items, 6);
    EXPECT_EQ(result.left_out, 2);
    EXPECT_EQ(disturbed.outputs(), kUsable);
    EXPECT_THAT(disturbed.warnings, AllOf(HasSubstr("2 images cannot be used any more and are left out"),
                                          HasSubstr("3.png"), HasSubstr("6.png")));
    for (const auto& name : kUsable) {
      const auto a = io::read_image(undisturbed.folder / "out" / name).to(torch::kInt16);
      const auto b = io::read_image(disturbed.folder / "out" / name).to(torch::kInt16);
      EXPECT_LE((a - b).abs().max().item<int64_t>(), 1) << name << ", whose batch may have had another size";
    }
  }
}

TEST(BrokenImages, EndATranslationThatIsNotToSkipThem) {
  const auto model = tiny_map();
  Translation disturbed;
  const auto message = testing::message_of([&] {
    disturbed.translate(model, {.batch = 1, .on_error = "fail", .size = "train"}, [&] { disturbed.damage(); });
  });
  EXPECT_THAT(message, AllOf(HasSubstr("3.png"), HasSubstr("6.png"), HasSubstr("2 of 8 images cannot be used")));
}

TEST(BrokenImages, AreAnErrorIfNoneIsLeft) {
  const auto model = tiny_map();
  Translation disturbed(24);
  // The log says how the images will be translated, before the first is read.
  const Hooks hooks{.log = [&](LogLevel, const std::string& line) {
    if (line.find("each translated at its own size") == std::string::npos) return;
    for (int64_t i = 0; i < kCount; ++i) fs::remove(disturbed.folder / "in" / name_of(i));
  }};
  const auto message = testing::message_of([&] {
    model.translate((disturbed.folder / "in").string(), (disturbed.folder / "out").string(),
                    {.on_error = "skip", .size = "keep"}, {}, hooks);
  });
  EXPECT_THAT(message, AllOf(HasSubstr("no image can be used any more"), HasSubstr("7.png")));
}

TEST(BrokenImages, HaveNoWeight) {
  const auto model = tiny_map();
  Translation disturbed;
  const auto file = disturbed.folder / "weights.csv";
  disturbed.translate(model, {.batch = 2, .on_error = "skip", .size = "train", .weights = file},
                      [&] { disturbed.damage(); });
  std::ifstream in(file);
  const std::string csv{std::istreambuf_iterator<char>(in), {}};
  EXPECT_THAT(csv, AllOf(HasSubstr("2.png"), HasSubstr("7.png"), Not(HasSubstr("3.png")), Not(HasSubstr("nan"))));
  EXPECT_THAT(disturbed.warnings, Not(HasSubstr("weights are not finite")));
}

TEST(BrokenImages, OfAllRanksAreCounted) {
  const auto model = tiny_map();
  Translation disturbed;
  std::vector<TranslateResult> results(2);
  std::once_flag once;  // before either rank reads its image
  testing::run_ranks(2, [&](auto& group) {
    const TranslateOptions options{.batch = 1, .on_error = "skip", .size = "train"};
    results[static_cast<size_t>(group.rank())] =
        disturbed.translate(model, options, [&] { std::call_once(once, [&] { disturbed.damage(); }); }, group);
    group.barrier();
  });
  EXPECT_EQ(results[0].left_out, 2);
  EXPECT_EQ(results[0].items, 6);
  EXPECT_EQ(results[1].items, 6);
  EXPECT_EQ(disturbed.outputs(), kUsable);
  EXPECT_THAT(disturbed.warnings, AllOf(HasSubstr("3.png"), HasSubstr("6.png")));
}

}  // namespace
}  // namespace monge::session
