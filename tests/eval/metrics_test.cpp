// The values of an evaluation, against what plain loops and formulas give.
#include "monge/eval/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "monge/core/random.h"
#include "monge/data/tensor_source.h"
#include "monge/eval/evaluation.h"
#include "tests/eval/simple_map.h"

namespace monge::eval {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsSupersetOf;
using ::testing::Not;

torch::Tensor normal(const std::vector<int64_t>& shape, const char* purpose) {
  return torch::randn(shape, RandomStreams(11).at(purpose, 0));
}

std::shared_ptr<const data::Source> source_of(const torch::Tensor& rows) {
  return std::make_shared<data::TensorSource>("rows", rows);
}

/// The mean of |a_i - b_j| over all pairs, in double.
double mean_distance(const torch::Tensor& a, const torch::Tensor& b) {
  const auto wide_a = a.reshape({a.size(0), -1}).to(torch::kFloat64).contiguous();
  const auto wide_b = b.reshape({b.size(0), -1}).to(torch::kFloat64).contiguous();
  const auto of_a = wide_a.accessor<double, 2>(), of_b = wide_b.accessor<double, 2>();
  double sum = 0;
  for (int64_t i = 0; i < of_a.size(0); ++i) {
    for (int64_t j = 0; j < of_b.size(0); ++j) {
      double square = 0;
      for (int64_t k = 0; k < of_a.size(1); ++k) square += std::pow(of_a[i][k] - of_b[j][k], 2);
      sum += std::sqrt(square);
    }
  }
  return sum / static_cast<double>(of_a.size(0) * of_b.size(0));
}

double energy(const torch::Tensor& a, const torch::Tensor& b) {
  return 2 * mean_distance(a, b) - mean_distance(a, a) - mean_distance(b, b);
}

std::vector<std::string> names_of(const Evaluation& evaluation) {
  std::vector<std::string> out;
  for (const auto& entry : evaluation.named()) out.push_back(entry.first);
  return out;
}

// Sums in float64 of at most 60 x 60 distances: 1e-9 of values near 1 covers their order.
constexpr double kNear = 1e-9;

TEST(MetricValues, OfVectorsAreThoseOfTheFormulas) {
  const auto x = normal({60, 3}, "x"), y = normal({60, 3}, "y") + 1, y_b = normal({60, 3}, "y b") + 1;
  const auto out = 0.5 * x + 0.25;
  const auto result = evaluate(affine_model({3}, 0.5, 0.25), *source_of(x), *source_of(y), *source_of(y_b), 60, 3);
  EXPECT_EQ(result.samples, 60);
  EXPECT_EQ(result.target_samples, 60);
  EXPECT_THAT(names_of(result), IsSupersetOf({"target_error", "target_floor", "target_start", "cost", "mse"}));
  EXPECT_NEAR(result.value("target_error"), energy(out, y), kNear);
  EXPECT_NEAR(result.value("target_start"), energy(x, y), kNear);
  EXPECT_NEAR(result.value("target_floor"), energy(y_b, y), kNear);
  const double mse = (out - x).to(torch::kFloat64).square().mean().item<double>();
  EXPECT_NEAR(result.value("mse"), mse, 1e-6);   // summed in float32
  EXPECT_NEAR(result.value("cost"), mse, 1e-6);  // tau is 1/D without a recipe, so the cost is the mean over entries
  EXPECT_TRUE(std::isnan(result.value("psnr")));
  EXPECT_TRUE(std::isnan(result.value("no such metric")));
}

TEST(MetricValues, HalvesOfOneTargetGiveTheFloor) {
  const auto x = normal({40, 2}, "x"), y = normal({40, 2}, "y");
  const auto target = source_of(y);
  const auto result = evaluate(affine_model({2}, 1, 0), *source_of(x), *target, *target, 40, 3);
  EXPECT_EQ(result.target_samples, 20);
  const auto halves = data::some_items(*target, 40, RandomStreams(3).at("eval target", 0)).chunk(2);
  EXPECT_NEAR(result.value("target_floor"), energy(halves[1], halves[0]), kNear);
  const auto few = source_of(normal({3, 2}, "y"));
  EXPECT_THAT(names_of(evaluate(affine_model({2}, 1, 0), *source_of(x), *few, *few, 40, 3)),
              AllOf(IsSupersetOf({"target_error", "target_start", "cost", "mse"}), Not(Contains("target_floor"))));
}

TEST(MetricValues, TheDiversityIsTheRootMeanSquareOfTwoDraws) {
  const auto source = source_of(normal({50, 2}, "x")), target = source_of(normal({50, 2}, "y"));
  const auto model = affine_model({2}, 1, 0, /*noise=*/true);
  const auto result = evaluate(model, *source, *target, *target, 50, 3);
  const RandomStreams streams(3);
  const auto draws =
      model.translate(data::some_items(*source, 50, streams.at("eval source", 0)), 2, streams.at("eval z", 0));
  const auto gap = (draws.select(1, 0) - draws.select(1, 1)).to(torch::kFloat64);
  EXPECT_NEAR(result.value("diversity"), gap.square().mean(1).sqrt().mean().item<double>(), 1e-6);
  EXPECT_GT(result.value("diversity"), 0.5);  // E|z - z'| of standard normal z is 1.13
}

TEST(MetricValues, OfImagesAreClampedAndHaveColoursAndFeatures) {
  const auto x = normal({12, 3, 8, 8}, "x").clamp(-1, 1), y = normal({12, 3, 8, 8}, "y").clamp(-1, 1);
  const auto y_b = normal({12, 3, 8, 8}, "y b").clamp(-1, 1);
  const auto result = evaluate(affine_model({3, 8, 8}, 1, 0.5), *source_of(x), *source_of(y), *source_of(y_b), 12, 3);
  EXPECT_THAT(names_of(result),
              ElementsAre("target_error", "target_floor", "target_start", "feature_error", "feature_floor",
                          "feature_start", "cost", "mse", "psnr", "colourfulness_output", "colourfulness_target",
                          "texture_luma", "texture_chroma"));
  const auto out = (x + 0.5).clamp(-1, 1);
  const double mse = (out - x).to(torch::kFloat64).square().mean().item<double>();
  EXPECT_NEAR(result.value("mse"), mse, 1e-6);
  EXPECT_NEAR(result.value("psnr"), 10 * std::log10(4 / mse), 1e-4);
  EXPECT_NEAR(result.value("target_error"), energy(out, y), 1e-6);
  // Hasler and Suesstrunk 2003, an image at a time, of 0..255.
  double colour = 0;
  for (int64_t i = 0; i < 12; ++i) {
    const auto rgb = ((y[i].to(torch::kFloat64) + 1) * 127.5).reshape({3, -1});
    const auto rg = rgb[0] - rgb[1], yb = (rgb[0] + rgb[1]) / 2 - rgb[2];
    const auto variance = [](const torch::Tensor& v) { return v.var(/*unbiased=*/false).item<double>(); };
    colour +=
        std::sqrt(variance(rg) + variance(yb)) + 0.3 * std::hypot(rg.mean().item<double>(), yb.mean().item<double>());
  }
  EXPECT_NEAR(result.value("colourfulness_target"), colour / 12, 1e-3 * colour / 12);
  EXPECT_NEAR(result.decisive().error, result.value("feature_error"), 0) << "features decide for images";
}

// The texture is that of the outputs as they are used: here of half the contrast, so a quarter of the energy.
TEST(MetricValues, TheTextureComparesOutputsWithTheTarget) {
  const auto x = 0.3 * normal({20, 3, 8, 8}, "x").clamp(-1, 1), y = 0.3 * normal({20, 3, 8, 8}, "y").clamp(-1, 1);
  const auto result = evaluate(affine_model({3, 8, 8}, 0.5, 0.1), *source_of(x), *source_of(y), *source_of(x), 20, 3);
  const auto expected = texture(0.5 * x, y);
  EXPECT_NEAR(result.value("texture_luma"), expected.luma, 1e-5 * expected.luma);
  EXPECT_NEAR(result.value("texture_chroma"), expected.chroma, 1e-5 * expected.chroma);
  const auto* row = metrics().find("texture_chroma");
  EXPECT_EQ(row->warning_for(1.5), "");
  EXPECT_EQ(row->warning_for(1.51), " (grain)");
  EXPECT_EQ(row->warning_for(NAN), "");
  const auto grey = evaluate(affine_model({1, 8, 8}, 1, 0), *source_of(x.narrow(1, 0, 1)),
                             *source_of(y.narrow(1, 0, 1)), *source_of(x.narrow(1, 1, 1)), 20, 3);
  EXPECT_THAT(names_of(grey), AllOf(Contains("texture_luma"), Not(Contains("texture_chroma"))));
  const auto flat = torch::zeros({20, 3, 8, 8});
  const auto of_flat =
      evaluate(affine_model({3, 8, 8}, 1, 0), *source_of(x), *source_of(flat), *source_of(flat), 20, 3);
  EXPECT_THAT(names_of(of_flat), AllOf(Contains("texture_luma"), Not(Contains("texture_chroma"))));
  EXPECT_TRUE(std::isnan(of_flat.value("texture_luma"))) << "the target has no detail";
}

TEST(MetricValues, ShiftsAreOfMapsThatColourGreyImages) {
  auto grey = normal({12, 1, 8, 8}, "x").clamp(-1, 0.5).repeat({1, 3, 1, 1});
  const auto colour = normal({12, 3, 8, 8}, "y").clamp(-1, 1);
  const auto names = [&](const torch::Tensor& x, const torch::Tensor& y) {
    return names_of(evaluate(affine_model({3, 8, 8}, 1, 0), *source_of(x), *source_of(y), *source_of(y), 12, 3));
  };
  EXPECT_THAT(names(grey, colour), AllOf(Contains("luma_shift"), Not(Contains("background_shift"))));
  EXPECT_THAT(names(grey, grey), AllOf(Not(Contains("luma_shift")), Not(Contains("background_shift"))));
  EXPECT_THAT(names(colour, colour), AllOf(Not(Contains("luma_shift")), Not(Contains("background_shift"))));
  grey.narrow(2, 0, 4) = 1;
  EXPECT_THAT(names(grey, colour), IsSupersetOf({"texture_chroma", "background_shift", "luma_shift"}));
  EXPECT_THAT(names(grey, grey), Not(Contains("background_shift")));
  // Every output is 0.1 darker than its input, but where that is below -0.9.
  const auto darker =
      evaluate(affine_model({3, 8, 8}, 1, -0.1), *source_of(grey), *source_of(colour), *source_of(colour), 12, 3);
  EXPECT_NEAR(darker.value("background_shift"), 12.75, 1e-4);
  const auto change = (grey - (grey - 0.1).clamp_min(-1)).to(torch::kFloat64).mean().item<double>();
  EXPECT_NEAR(darker.value("luma_shift"), 127.5 * change, 1e-4);
}

TEST(Metrics, DistancesAreThoseToTheTargetAndFromTheInput) {
  for (const char* name : {"target_error", "feature_error", "mse", "fid", "kid", "lpips", "fd_dino", "kd_dino_v2"})
    EXPECT_TRUE(is_distance(name)) << name;
  for (const char* name : {"target_floor",
                           "target_start",
                           "feature_floor",
                           "cost",
                           "psnr",
                           "diversity",
                           "fid_floor",
                           "kid_floor",
                           "kid_stderr",
                           "fd_dino_floor",
                           "kd_dino_floor",
                           "kd_dino_stderr",
                           "ssim",
                           "lpips_diversity",
                           "colourfulness_output",
                           "texture_luma",
                           "texture_chroma",
                           "background_shift",
                           "luma_shift",
                           "",
                           "fd",
                           "unknown"})
    EXPECT_FALSE(is_distance(name)) << name;
}

}  // namespace
}  // namespace monge::eval
