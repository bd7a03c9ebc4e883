// Outputs between input and T: TranslateOptions::t and steps.
#include <gmock/gmock.h>

#include <array>
#include <atomic>
#include <fstream>
#include <limits>

#include "monge/core/files.h"
#include "monge/core/random.h"
#include "monge/io/image.h"
#include "monge/io/npy.h"
#include "monge/nn/image_sizes.h"
#include "monge/ot/light.h"
#include "monge/session/translation.h"
#include "monge/solve/nets.h"
#include "tests/eval/simple_map.h"
#include "tests/io/animations.h"
#include "tests/support/support.h"

namespace monge::session {
namespace {

namespace fs = std::filesystem;
using eval::affine_model;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;
using testing::ScratchFolder;

torch::Tensor table_of(int64_t rows, int64_t columns = 2) {
  return torch::randn({rows, columns}, RandomStreams(3).at("points", 0));
}

/// Images whose values are those of pixels, so that files hold them exactly.
torch::Tensor photographs(int64_t count, int64_t side = 16) {
  const auto pixels =
      torch::randint(0, 256, {count, 3, side, side}, RandomStreams(3).at("photographs", 0), torch::kUInt8);
  return io::scale_to_float(pixels);
}

void put(const fs::path& path, const torch::Tensor& image_CHW) { io::write_image(path, io::from_float(image_CHW)); }

std::string in(const ScratchFolder& folder, const std::string& name) { return (folder / name).string(); }

TEST(Between, RowsOfAnAffineMapLieOnStraightLines) {
  const auto model = affine_model({2}, 3, 2);
  const auto x = table_of(100);
  for (const double t : {0.25, 0.5, 0.75}) {
    // T = 3 x + 2, so x_t = (1 + 2 t) x + 2 t; float32 rounds a handful of times.
    EXPECT_LT(testing::relative_error(translate(model, x, {.t = t}).squeeze(1), (1 + 2 * t) * x + 2 * t), 1e-6) << t;
  }
  const auto steps = translate(model, x, {.steps = 5});
  ASSERT_EQ(steps.sizes(), torch::IntArrayRef({100, 1, 5, 2}));
  for (int64_t k = 0; k < 5; ++k) {
    EXPECT_TRUE(torch::equal(steps.select(2, k), translate(model, x, {.t = static_cast<double>(k) / 4})))
        << "each step is the t of its place";
  }
}

TEST(Between, EndsAreInputAndOutputToTheBit) {
  const auto model = affine_model({2}, 0.3, 1.7);
  const auto x = table_of(40);
  EXPECT_TRUE(torch::equal(translate(model, x, {.t = 1.}), translate(model, x)));
  EXPECT_TRUE(torch::equal(translate(model, x, {.t = 0.}).squeeze(1), x));
  const auto images = affine_model({3, 16, 16}, -0.5, 0.1);
  const auto photos = photographs(3);
  EXPECT_TRUE(torch::equal(translate(images, photos, {.t = 1.}), translate(images, photos)));
  EXPECT_TRUE(torch::equal(translate(images, photos, {.t = 0.}).squeeze(1), photos));
  const auto half = translate(images, photos, {.t = 0.5}).squeeze(1);
  EXPECT_LT((half - (0.25 * photos + 0.05)).abs().max().item<double>(), 1e-6);
}

// T(x, z) = x / 2 + z: if all steps have the z of T, the middle is the mean of the ends.
TEST(Between, EachOutputHasItsOwnPathAlongOneNoise) {
  for (const auto& [shape, x] : {std::pair{std::vector<int64_t>{2}, table_of(30)}, {{3, 16, 16}, photographs(2)}}) {
    const auto model = affine_model(shape, 0.5, 0, true);
    const auto y = translate(model, x, {.samples = 3, .seed = 4});
    const auto steps = translate(model, x, {.samples = 3, .seed = 4, .steps = 3});
    EXPECT_TRUE(torch::equal(steps.select(2, 2), y));
    EXPECT_TRUE(torch::equal(steps.select(2, 0), x.unsqueeze(1).expand_as(y)));
    EXPECT_LT((steps.select(2, 1) - (y + x.unsqueeze(1)) / 2).abs().max().item<double>(), 1e-6);
    EXPECT_GT((y.select(1, 0) - y.select(1, 1)).abs().max().item<double>(), 0.1) << "the outputs differ";
    EXPECT_TRUE(torch::equal(translate(model, x, {.samples = 3, .seed = 4, .t = 0.5}), steps.select(2, 1)));
  }
}

// The points of an entropic plan have the noise of its bridges: with T(x, z) = mean of the plan, its variance alone.
TEST(Between, PlansOfLightAddTheNoiseOfTheirBridges) {
  train::Recipe recipe;
  recipe.method = "light";
  recipe.cost.scale = "half";
  recipe.train.k_t = 1;
  recipe.section<ot::LightOptions>().epsilon = 0.36;
  model::Model plan;
  plan.recipe = recipe;
  plan.item_shape = {2};
  plan.net = solve::make_map(recipe, {2}, {2});
  plan.noise = solve::make_method(recipe, 2)->noise();
  EXPECT_NEAR(plan.bridge_variance(), 0.36, 1e-12);
  const auto x = table_of(20'000), y = translate(plan, x, {.seed = 5});
  for (const double t : {0.25, 0.5}) {
    const auto noise = translate(plan, x, {.seed = 5, .t = t}) - ((1 - t) * x.unsqueeze(1) + t * y);
    EXPECT_NEAR(noise.square().mean().item<double>(), 0.36 * t * (1 - t), 0.01 * 0.36) << t;
    EXPECT_NEAR(noise.mean().item<double>(), 0, 0.01) << t;
  }
  EXPECT_TRUE(torch::equal(translate(plan, x, {.seed = 5, .t = 1.}), y));
  EXPECT_TRUE(
      torch::equal(translate(plan, x, {.seed = 5, .t = 0.5}), translate(plan, x, {.seed = 5, .t = 0.5, .batch = 77})));
  // Without noise the output is the mean of the plan, and the way to it is straight.
  const auto mean = translate(plan, x, {.deterministic = true});
  EXPECT_LT(
      (translate(plan, x, {.deterministic = true, .t = 0.5}) - (x.unsqueeze(1) + mean) / 2).abs().max().item<double>(),
      1e-5);
}

TEST(Between, StandardisedRowsKeepTheDigitsOfDoubles) {
  auto model = affine_model({2}, 1, 0);
  const data::Columns columns{torch::tensor({1.75e9, 5.8e6}, torch::kFloat64),
                              torch::tensor({10., 0.1}, torch::kFloat64)};
  // The identity of standard units between sides that lie apart: T(x) = x + shift, in raw units.
  auto target = columns;
  const auto shift = torch::tensor({64., -0.5}, torch::kFloat64);
  target.mean = columns.mean + shift;
  model.standardisation = data::Standardisation{columns, target};
  const auto x = table_of(50).to(torch::kFloat64) * columns.scale + columns.mean;
  EXPECT_TRUE(torch::equal(translate(model, x, {.t = 0.}).squeeze(1), x));
  EXPECT_TRUE(torch::equal(translate(model, x, {.t = 1.}), translate(model, x)));
  // float32 of standard units resolves 2^-24 of the scale; that of raw units would resolve 128 and 0.5.
  const auto error = (translate(model, x, {.t = 0.25}).squeeze(1) - (x + 0.25 * shift)).abs() / columns.scale;
  EXPECT_LT(error.max().item<double>(), 1e-6);

  const ScratchFolder folder;
  io::write_npy(folder / "x.npy", x);
  translate(model, in(folder, "x.npy"), in(folder, "start.npy"), {.t = 0.});
  EXPECT_TRUE(torch::equal(io::read_npy(folder / "start.npy"), x));
  translate(model, in(folder, "x.npy"), in(folder, "film.npy"), {.steps = 3});
  const auto film = io::read_npy(folder / "film.npy");
  EXPECT_EQ(film.scalar_type(), torch::kFloat64);
  EXPECT_TRUE(torch::equal(film, translate(model, x, {.steps = 3}).squeeze(1)));
}

// Only T is clamped: an input that lies outside the range moves into it.
TEST(Between, TheRangeIsThatOfTheOutput) {
  const auto model = affine_model({1}, 1, 0);
  const auto x = torch::tensor({{-4.f}, {0.5f}});
  const TranslateOptions clamped{.t = 0.5, .range = "0..1"};
  EXPECT_TRUE(torch::equal(translate(model, x, clamped).squeeze(1), torch::tensor({{-2.f}, {0.5f}})));
}

TEST(Between, ATableOfTextKeepsItsColumnsAndItsNumbers) {
  const ScratchFolder folder;
  std::ofstream(folder / "x.csv") << "cell,u,v\na,0.1,16777217\nb,-3,2\n";
  auto model = affine_model({2}, 2, 0);
  model.columns = {{"u", "v"}, {"p", "q"}};
  // Nothing is lost of a number that float32 does not hold, on the way to T either.
  translate(model, in(folder, "x.csv"), in(folder, "start.csv"), {.t = 0.});
  EXPECT_EQ(real_files().read(folder / "start.csv"), "cell,p,q\na,0.1,16777217\nb,-3,2\n");
  translate(model, in(folder, "x.csv"), in(folder, "end.csv"), {.t = 1.});
  translate(model, in(folder, "x.csv"), in(folder, "plain.csv"));
  EXPECT_EQ(real_files().read(folder / "end.csv"), real_files().read(folder / "plain.csv"));
  const auto result = translate(model, in(folder, "x.csv"), in(folder, "film"), {.steps = 3});
  EXPECT_EQ(result.items, 2);
  EXPECT_EQ(result.replaced, 0);
  const auto film = [&](const std::string& step) { return real_files().read(folder / ("film/step_" + step + ".csv")); };
  EXPECT_EQ(film("1"), real_files().read(folder / "start.csv"));
  EXPECT_TRUE(film("2").ends_with("\nb,-4.5,3\n")) << film("2");
  EXPECT_EQ(film("3"), real_files().read(folder / "plain.csv"));
  EXPECT_EQ(translate(model, in(folder, "x.csv"), in(folder, "film"), {.steps = 3}).replaced, 3);
}

TEST(Between, ImagesAreTheInputsThatTheMapGetsAtFirst) {
  const ScratchFolder folder;
  const auto model = affine_model({3, 16, 16}, 0.5, 0.25);
  const auto photos = photographs(2);
  fs::create_directory(folder / "in");
  put(folder / "in/a.png", photos[0]);
  put(folder / "in/b.png", photos[1]);
  put(folder / "in/wide.png", torch::zeros({3, 32, 48}));  // cropped and resized
  translate(model, in(folder, "in"), in(folder, "start"), {.t = 0.});
  EXPECT_TRUE(torch::equal(io::read_image(folder / "start/a.png"), io::read_image(folder / "in/a.png")));
  EXPECT_EQ(io::read_image(folder / "start/wide.png").sizes(), torch::IntArrayRef({16, 16, 3}));
  translate(model, in(folder, "in"), in(folder, "plain"));
  const auto result = translate(model, in(folder, "in"), in(folder, "film"), {.steps = 4, .grid = folder / "grid.png"});
  EXPECT_EQ(result.items, 3);
  for (const char* name : {"a.png", "b.png", "wide.png"}) {
    const auto film = [&](const char* step) { return real_files().read(folder / "film" / step / name); };
    EXPECT_EQ(film("step_1"), real_files().read(folder / "start" / name));
    EXPECT_EQ(film("step_4"), real_files().read(folder / "plain" / name));
    EXPECT_NE(film("step_2"), film("step_3"));
  }
  // A row of the grid has the steps; cells of 6 * 16 pixels, 2 between them and around.
  EXPECT_EQ(io::read_image(folder / "grid.png").sizes(), torch::IntArrayRef({3 * 98 + 2, 4 * 98 + 2, 3}));
}

TEST(Between, AnImageMakesAFilmOrNumberedImages) {
  const ScratchFolder folder;
  const auto model = affine_model({3, 16, 16}, -1, 0);
  put(folder / "x.png", torch::full({3, 16, 16}, -0.8));
  translate(model, in(folder, "x.png"), in(folder, "film.webp"), {.steps = 9});
  const auto film = testing::decode_animation(real_files().read(folder / "film.webp"));
  ASSERT_EQ(film.frames.size(), 9u);
  EXPECT_EQ(film.milliseconds.front(), 1000);
  EXPECT_EQ(film.milliseconds[1], 250);
  // From -0.8 to 0.8: pixels from 26 to 230. WebP at quality 90 keeps a grey surface within a few steps of 255.
  for (size_t k = 0; k < 9; ++k) {
    const double value = film.frames[k].narrow(2, 0, 3).to(torch::kFloat32).mean().item<double>();
    EXPECT_NEAR(value, 25.5 + 204 * static_cast<double>(k) / 8, 4) << k;
  }
  translate(model, in(folder, "x.png"), in(folder, "numbered"), {.steps = 9});
  EXPECT_EQ(io::read_image(folder / "numbered/step_5.png").to(torch::kFloat32).mean().item<double>(), 128);
  const auto noisy = affine_model({3, 16, 16}, -1, 0, true);
  translate(noisy, in(folder, "x.png"), in(folder, "drawn.webp"), {.samples = 2, .steps = 3});
  EXPECT_NE(real_files().read(folder / "drawn_1.webp"), real_files().read(folder / "drawn_2.webp"));
}

// A large image passes the net in tiles, once for all its steps.
TEST(Between, LargeImagesGoInTilesOnce) {
  const ScratchFolder folder;
  auto model = affine_model({3, 16, 16}, 0.5, 0.25);
  model.sizes = nn::ImageSizes();
  put(folder / "x.png", photographs(1, 200)[0]);
  std::vector<std::pair<int64_t, int64_t>> parts;
  Hooks hooks;
  hooks.progress = [&](const std::string&, int64_t done, int64_t total) { parts.emplace_back(done, total); };
  const TranslateOptions steps{.steps = 3, .tile = 64};
  EXPECT_TRUE(translate(model, in(folder, "x.png"), in(folder, "film"), steps, {}, hooks).complete);
  EXPECT_EQ(parts.back().first, parts.back().second);
  translate(model, in(folder, "x.png"), in(folder, "plain.png"), {.tile = 64});
  translate(model, in(folder, "x.png"), in(folder, "half.png"), {.t = 0.5, .tile = 64});
  const auto read = [&](const char* name) { return real_files().read(folder / name); };
  EXPECT_EQ(read("film/step_1.png"), io::encode_png(io::read_image(folder / "x.png")));
  EXPECT_EQ(read("film/step_2.png"), read("half.png"));
  EXPECT_EQ(read("film/step_3.png"), read("plain.png"));
}

TEST(Between, AStopLeavesNoHalfFilm) {
  const ScratchFolder folder;
  auto model = affine_model({3, 16, 16}, 0.5, 0.25);
  model.sizes = nn::ImageSizes();
  put(folder / "x.png", photographs(1, 200)[0]);
  std::atomic<bool> stop{false};
  std::string log;
  Hooks hooks;
  hooks.stop = &stop;
  hooks.log = [&](LogLevel, const std::string& line) { log += line + '\n'; };
  hooks.progress = [&](const std::string& step, int64_t done, int64_t total) {
    if (step == "translating" && done + 2 >= total) stop = true;  // among the last steps, after all tiles
  };
  const auto result = translate(model, in(folder, "x.png"), in(folder, "film.webp"), {.steps = 5}, {}, hooks);
  EXPECT_FALSE(result.complete);
  EXPECT_FALSE(fs::exists(folder / "film.webp") || fs::exists(folder / "film.webp.part"));
  EXPECT_THAT(log, AllOf(HasSubstr("stopped after 0 of 1 items"), HasSubstr("nothing was written to")));
}

TEST(Between, RefusesValuesOutOfTheirRange) {
  const auto model = affine_model({2}, 1, 0);
  const auto x = table_of(4);
  for (const double t : {-0.5, 1.5, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THAT(message_of([&] { translate(model, x, {.t = t}); }),
                AllOf(HasSubstr("TranslateOptions::t"), HasSubstr("allowed: 0 (the input) to 1 (the output)")));
  }
  for (const int64_t steps : {-1, 1, 1001})
    EXPECT_THAT(
        message_of([&] { translate(model, x, {.steps = steps}); }),
        AllOf(HasSubstr("TranslateOptions::steps " + std::to_string(steps)), HasSubstr("allowed is 2 to 1000")));
  EXPECT_THAT(message_of([&] { translate(model, x, {.t = 0.5, .steps = 5}); }), HasSubstr("choose one"));
  // Paths are checked first, before a model is loaded.
  EXPECT_THAT(message_of([&] { check_translation_paths("none.npy", "out.npy", {.t = 2.}); }),
              HasSubstr("got 2 (allowed: 0 (the input)"));
}

}  // namespace
}  // namespace monge::session
