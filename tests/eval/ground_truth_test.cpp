#include "monge/eval/ground_truth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "monge/core/error.h"
#include "monge/core/random.h"
#include "monge/data/tensor_source.h"
#include "monge/data/toys.h"
#include "tests/eval/simple_map.h"
#include "tests/support/support.h"
#include "tests/support/synthetic_lpips.h"

namespace monge::eval {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;

constexpr int64_t kPairs = 70;  // more than one batch

torch::Tensor drawings(int64_t channels = 3) {
  return torch::rand({kPairs, channels, 12, 12}, RandomStreams(5).at("drawings", channels)) - 0.7;
}

std::vector<std::string> numbered(const std::string& ending, bool backwards) {
  std::vector<std::string> out;
  for (int64_t i = 0; i < kPairs; ++i) out.push_back(text(backwards ? kPairs - 1 - i : i, ending));
  return out;
}

/// The right outputs of x in the reverse order: x + 0.2.
data::TensorSource truth_of(const torch::Tensor& x, const std::string& ending = ".svg") {
  return {"truth", (x + 0.2).flip(0).contiguous(), numbered(ending, true)};
}

double value_of(const NamedMetrics& metrics, const std::string& name) {
  for (const auto& [key, value] : metrics) {
    if (key == name) return value;
  }
  ADD_FAILURE() << name << " is not there";
  return NAN;
}

TEST(GroundTruth, IsComparedWithOutputsInputsAndOthers) {
  const auto x = drawings();
  const data::TensorSource source("source", x, numbered(".png", false));
  const auto model = affine_model({3, 12, 12}, 1, 0.15);
  const auto metrics = evaluate_against_truth(model, source, truth_of(x), 512, 3);
  std::vector<std::string> names;
  for (const auto& [name, value] : metrics) names.push_back(name);
  EXPECT_THAT(names, ElementsAre("truth_psnr", "truth_psnr_input", "truth_psnr_random", "truth_ssim",
                                 "truth_ssim_input", "truth_ssim_random"));
  // Outputs are 0.05 from the truth and inputs 0.2, each within a rounding to 8 bits (2/255).
  EXPECT_NEAR(value_of(metrics, "truth_psnr"), 10 * std::log10(4 / 0.0025), 0.2);
  EXPECT_NEAR(value_of(metrics, "truth_psnr_input"), 10 * std::log10(4 / 0.04), 0.1);
  // Values are uniform over 1, so two independent ones differ by 1/6 in the mean square.
  EXPECT_NEAR(value_of(metrics, "truth_psnr_random"), 10 * std::log10(4 * 6.0), 0.2);
  EXPECT_GT(value_of(metrics, "truth_ssim"), value_of(metrics, "truth_ssim_input"));
  EXPECT_LT(value_of(metrics, "truth_ssim_random"), 0.3);
}

TEST(GroundTruth, NoisyMapsAndLpips) {
  const auto x = drawings();
  const data::TensorSource source("source", x, numbered("", false));
  const auto net = testing::synthetic_lpips(LpipsNet::squeeze);
  const auto large = torch::upsample_nearest2d(x, {36, 36});
  const data::TensorSource large_source("source", large, numbered(".png", false));
  const auto exact =
      evaluate_against_truth(affine_model({3, 36, 36}, 1, 0.2), large_source, truth_of(large), 8, 3, net.get());
  EXPECT_NEAR(value_of(exact, "truth_lpips"), 0, 1e-6);
  EXPECT_GT(value_of(exact, "truth_lpips_input"), value_of(exact, "truth_lpips"));
  EXPECT_GT(value_of(exact, "truth_psnr"), 45);
  const auto noisy = evaluate_against_truth(affine_model({3, 12, 12}, 1, 0.2, true), source, truth_of(x, ""), 64, 3);
  EXPECT_LT(value_of(noisy, "truth_psnr"), 15) << "noise of deviation 1";
}

TEST(GroundTruth, TheBackgroundIsWhatIsWhiteInBoth) {
  auto x = drawings().clamp(-1, 0.9), right = x.clone();
  x.narrow(2, 0, 6) = 1;  // 72 white pixels
  right.narrow(2, 0, 3) = 1;
  const data::TensorSource source("source", x, numbered(".png", false));
  const data::TensorSource truth("truth", right, numbered(".svg", false));
  // The map adds -0.1, which is 12.75 levels of 8 bits, on all pixels.
  const auto metrics = evaluate_against_truth(affine_model({3, 12, 12}, 1, -0.1), source, truth, 512, 3);
  EXPECT_NEAR(value_of(metrics, "truth_background"), 12.75, 1e-3);
}

TEST(GroundTruth, PartnersHaveTheSameName) {
  const auto x = drawings();
  const data::TensorSource source("source", x, numbered(".png", false));
  EXPECT_THAT(partners_of(source, {0, 5}, truth_of(x)), ElementsAre(kPairs - 1, kPairs - 6));
  EXPECT_THAT(partners_of(source, {7}, truth_of(x, ".png")), ElementsAre(kPairs - 8));
  const data::TensorSource few("few", x.narrow(0, 0, 2), {"0.svg", "a/1.svg"});
  EXPECT_THAT(message_of([&] { partners_of(source, {0, 1}, few); }),
              AllOf(HasSubstr("few"), HasSubstr("no right output of its name"), HasSubstr("\"1.png\"")));
  const data::TensorSource twice("twice", x.narrow(0, 0, 2), {"0.svg", "0.jpg"});
  EXPECT_THAT(message_of([&] { partners_of(source, {0}, twice); }), HasSubstr("several right outputs"));
}

TEST(GroundTruth, SaysWhatCannotBeCompared) {
  const auto x = drawings();
  const data::TensorSource source("source", x, numbered(".png", false));
  const auto small = x.narrow(2, 0, 6).narrow(3, 0, 8).contiguous();
  const auto model = affine_model({3, 12, 12}, 1, 0);
  EXPECT_THAT(message_of([&] { evaluate_against_truth(model, source, truth_of(small), 8, 0); }),
              AllOf(HasSubstr("another size"), HasSubstr("8x6"), HasSubstr("12x12")));
  const data::TensorSource rows("rows", torch::rand({kPairs, 3}), numbered("", false));
  EXPECT_THAT(message_of([&] { evaluate_against_truth(model, source, rows, 8, 0); }), HasSubstr("rows: holds vectors"));
  const auto toy = data::open_toy("toy:moons");
  EXPECT_THAT(message_of([&] { evaluate_against_truth(model, source, *toy, 8, 0); }), HasSubstr("is endless"));
}

}  // namespace
}  // namespace monge::eval
