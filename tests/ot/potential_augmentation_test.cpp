// The changes of images before the potential, against changes made by hand.
#include "monge/ot/potential_augmentation.h"

#include <gmock/gmock.h>

#include "monge/core/random.h"
#include "monge/data/augment.h"
#include "monge/ot/losses.h"
#include "tests/support/support.h"

namespace monge::ot {
namespace {

constexpr int64_t kDraws = 12;
enum {
  kMirror,
  kShifted,
  kBrighter,
  kContrasted,
  kTurned,
  kSaturated,
  kRows,
  kColumns,
  kBrightBy,
  kContrastBy,
  kHueBy,
  kSaturateBy
};

/// Draws by which nothing changes at a strength of 0.5: every gate is above it, every amount in the middle.
torch::Tensor idle(int64_t batch) {
  auto out = torch::full({batch, kDraws}, 0.5);
  out.narrow(1, 0, kRows).fill_(0.99);
  return out;
}

/// One image's changes, with the given draws set.
PotentialAugmentation with(AugmentationKind kind, const std::vector<std::pair<int, double>>& draws) {
  auto row = idle(1);
  for (const auto& [column, value] : draws) row.select(1, column).fill_(value);
  return {kind, row, 0.5};
}

torch::Tensor images(int64_t batch, int64_t channels = 3) {
  return torch::rand({batch, channels, 16, 24}, RandomStreams(3).at("images", channels)) * 2 - 1;
}

TEST(PotentialAugmentation, WithoutKindOrStrengthChangesNothing) {
  const auto y = images(4);
  EXPECT_TRUE(torch::equal(PotentialAugmentation().apply(y), y));
  const auto none = draw_augmentation(AugmentationKind::all, 4, 0.0, RandomStreams(1).at("a", 0));
  EXPECT_TRUE(torch::allclose(none.apply(y), y, 0, 1e-6));
  EXPECT_FALSE(draw_augmentation(AugmentationKind::none, 4, 0.5, RandomStreams(1).at("a", 0)).defined());
}

TEST(PotentialAugmentation, MirrorsWithHalfOfTheStrength) {
  const auto y = images(1);
  EXPECT_TRUE(torch::equal(with(AugmentationKind::geometry, {{kMirror, 0.24}}).apply(y), y.flip(3)));
  EXPECT_TRUE(torch::equal(with(AugmentationKind::geometry, {{kMirror, 0.26}}).apply(y), y));
}

TEST(PotentialAugmentation, ShiftsAsTheDataAre) {
  const auto y = images(1);
  // Of 16 x 24 pixels the shifts are -2..2 and -3..3.
  const auto moved = with(AugmentationKind::geometry, {{kShifted, 0.1}, {kRows, 0.95}, {kColumns, 0.05}}).apply(y);
  const data::Augmentation same{.mirrored_B = {}, .shift_B2 = torch::tensor({{int64_t{2}, int64_t{-3}}})};
  EXPECT_TRUE(torch::equal(moved, data::augmented(y, same)));
}

TEST(PotentialAugmentation, AThirdOfATurnOfHueExchangesChannels) {
  const auto y = images(1);
  const auto turned = with(AugmentationKind::colour, {{kTurned, 0.1}, {kHueBy, 0.5 + 1.0 / 3}}).apply(y);
  EXPECT_TRUE(torch::allclose(turned, y.roll(1, 1), 0, 1e-5));
  const auto grey = y.mean(1, true).expand_as(y);
  EXPECT_TRUE(
      torch::allclose(with(AugmentationKind::colour, {{kTurned, 0.1}, {kHueBy, 0.2}}).apply(grey), grey, 0, 1e-5));
}

TEST(PotentialAugmentation, ChangesBrightnessContrastAndSaturation) {
  const auto y = images(1);
  const double one = 0.8413447;  // one standard deviation
  EXPECT_TRUE(
      torch::allclose(with(AugmentationKind::colour, {{kBrighter, 0.1}, {kBrightBy, one}}).apply(y), y + 0.4, 0, 1e-5));
  EXPECT_TRUE(torch::allclose(with(AugmentationKind::colour, {{kContrasted, 0.1}, {kContrastBy, one}}).apply(y),
                              y * std::sqrt(2.0), 0, 1e-5));
  const auto grey = y.mean(1, true);
  EXPECT_TRUE(torch::allclose(with(AugmentationKind::colour, {{kSaturated, 0.1}, {kSaturateBy, one}}).apply(y),
                              grey + 2 * (y - grey), 0, 1e-5));
  const auto one_channel = images(1, 1);
  EXPECT_TRUE(torch::equal(
      with(AugmentationKind::colour, {{kSaturated, 0.1}, {kTurned, 0.1}, {kHueBy, 0.9}}).apply(one_channel),
      one_channel));
}

TEST(PotentialAugmentation, IsDrawnInProportionToItsStrength) {
  const auto y = images(1).expand({4000, 3, 16, 24});
  for (const double p : {0.1, 0.6}) {
    const auto drawn = draw_augmentation(AugmentationKind::geometry, 4000, p, RandomStreams(2).at("a", 0));
    const auto same = (drawn.apply(y) == y).flatten(1).all(1).to(torch::kFloat64).mean().item<double>();
    // A shift of (0, 0) is one of 35.
    EXPECT_NEAR(same, (1 - p / 2) * (1 - p * 34 / 35), 0.03) << p;
  }
}

TEST(PotentialAugmentation, OfAPieceAndOfSamplesIsThatOfTheirInputs) {
  const auto y = images(6);
  const auto whole = draw_augmentation(AugmentationKind::all, 3, 0.7, RandomStreams(4).at("a", 0));
  const auto out = whole.apply(y, 2);
  EXPECT_TRUE(torch::equal(whole.piece(1, 2).apply(y.narrow(0, 2, 4), 2), out.narrow(0, 2, 4)));
  EXPECT_TRUE(torch::equal(whole.apply(y.slice(0, 0, {}, 2)), out.slice(0, 0, {}, 2)));
}

// The map learns through the changes.
TEST(PotentialAugmentation, PassesGradients) {
  const auto changes = draw_augmentation(AugmentationKind::all, 2, 0.9, RandomStreams(5).at("a", 0));
  const auto y = images(2).to(torch::kFloat64).requires_grad_(true);
  const auto weight = torch::rand({2, 3, 16, 24}, RandomStreams(5).at("w", 0)).to(torch::kFloat64);
  (changes.apply(y) * weight).sum().backward();
  const auto step = torch::rand({2, 3, 16, 24}, RandomStreams(5).at("s", 0)).to(torch::kFloat64);
  const double along = ((changes.apply(y.detach() + step) - changes.apply(y.detach())) * weight).sum().item<double>();
  EXPECT_NEAR((y.grad() * step).sum().item<double>(), along, 1e-3 * std::abs(along));  // it is affine
}

TEST(PotentialAugmentation, IsTheSameForOutputsAndTargetSamples) {
  std::vector<torch::Tensor> seen;
  const Potential f = [&](const torch::Tensor& y, const torch::Tensor&) {
    seen.push_back(y);
    return y.flatten(1).sum(1);
  };
  const auto changes = draw_augmentation(AugmentationKind::all, 3, 0.8, RandomStreams(6).at("a", 0));
  const auto y = images(3);
  const auto loss = potential_loss(f, y, y, {}, changes);
  EXPECT_EQ(loss.loss.item<double>(), 0);
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_TRUE(torch::equal(seen[0].narrow(0, 0, 3), changes.apply(y)));
}

}  // namespace
}  // namespace monge::ot
