// Partners by exact plans against plans known by construction, and the fit of a map to pairs.
#include "monge/session/plan_fit.h"

#include <gmock/gmock.h>

#include "monge/core/random.h"
#include "monge/session/colour_map.h"
#include "monge/solve/nets.h"
#include "tests/support/support.h"

namespace monge::session {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;

const std::atomic<bool> kGo{false};

torch::Tensor points(int64_t rows, int64_t step) {
  return torch::randn({rows, 3}, RandomStreams(7).at("points", step));
}

// A translation is the gradient of a convex function, so it is optimal whatever the points are.
TEST(PartnersByPlan, OfATranslationAreTheTranslatedPoints) {
  const auto x = points(60, 0), shift = torch::tensor({0.5F, -2.0F, 3.0F});
  for (const int64_t parts : {1, 4}) {
    // Set k has the rows k, k + parts, ..., so y is shuffled within each set.
    auto y = x + shift;
    for (int64_t k = 0; k < parts; ++k) y.slice(0, k, {}, parts).copy_((x + shift).slice(0, k, {}, parts).flip(0));
    EXPECT_TRUE(torch::allclose(partners_by_plan(x, y, parts, 2, kGo), x + shift, 0, 1e-5)) << parts;
  }
}

TEST(PartnersByPlan, AreMeansWhereAPointIsSplit) {
  const auto x = torch::tensor({{0.0F}, {10.0F}}), y = torch::tensor({{-1.0F}, {1.0F}, {9.0F}, {13.0F}});
  EXPECT_TRUE(torch::allclose(partners_by_plan(x, y, 1, 1, kGo), torch::tensor({{0.0F}, {11.0F}})));
}

TEST(PartnersByPlan, StopAndNameWhatDoesNotFit) {
  const std::atomic<bool> stop{true};
  EXPECT_EQ(partners_by_plan(points(8, 0), points(8, 1), 2, 1, stop).abs().sum().item<double>(), 0);
  EXPECT_THAT(message_of([] { partners_by_plan(points(9, 0), points(8, 1), 2, 1, kGo); }), HasSubstr("9 and 8"));
}

TEST(FitToPairs, FindsALinearMapAndReportsItsSteps) {
  const auto options = colour_options({});
  const auto map = solve::make_map(options, {3}, {3});
  const auto x = points(512, 2);
  const auto y = x * torch::tensor({0.5F, 1.0F, 1.5F}) + 0.25;
  int64_t reported = 0;
  fit_to_pairs(
      *map, x, y, {.steps = 400, .batch = 128, .rate = 4e-3}, RandomStreams(1).at("fit", 0),
      [&](int64_t step, int64_t steps) {
        EXPECT_EQ(step, ++reported);
        EXPECT_EQ(steps, 400);
      },
      kGo);
  EXPECT_EQ(reported, 400);
  const at::NoGradGuard no_grad;
  EXPECT_LT((map->forward(x) - y).square().mean().item<double>(), 1e-3);  // 0.23 at the start
}

TEST(ColourOptions, RefuseWhatHasNoEffect) {
  EXPECT_EQ(colour_options({.assignments = {"train.iterations=7", "map.width=32"}}).train.iterations, 7);
  for (const char* key : {"train.k_t=3", "potential.width=8", "train.lr_potential=1e-3"}) {
    EXPECT_THAT(message_of([&] { colour_options({.assignments = {key}}); }),
                AllOf(HasSubstr(key), HasSubstr("no effect"), HasSubstr("train.lr_map")));
  }
}

TEST(LearnColourMap, NamesARateThatDiverges) {
  PixelSet photo, style;
  for (auto* side : {&photo, &style}) {
    const double level = side == &photo ? -0.5 : 0.5;
    side->fit = (points(64, 3) * 0.1 + level).clamp(-1, 1);
    side->held_a = (points(32, 4) * 0.1 + level).clamp(-1, 1);
    side->held_b = (points(32, 5) * 0.1 + level).clamp(-1, 1);
  }
  EXPECT_THAT(message_of([&] {
                learn_colour_map(photo, style, {.assignments = {"train.iterations=50", "train.lr_map=1e30"}});
              }),
              HasSubstr("lower train.lr_map"));
}

}  // namespace
}  // namespace monge::session
