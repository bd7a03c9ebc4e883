#include "monge/run/plot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>

#include "monge/run/axis.h"
#include "tests/support/support.h"

namespace monge::run {
namespace {

using monge::testing::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

size_t count(const std::string& text, const std::string& part) {
  size_t out = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++out;
  return out;
}

TEST(Axis, HasRoundTicksInsideItsRange) {
  EXPECT_EQ(fit_axis({0, 100}).ticks, (std::vector<double>{0, 50, 100}));
  EXPECT_EQ(fit_axis({0.11, 0.49}).ticks.size(), 5);  // 0.1 .. 0.5
  for (const auto& values : std::vector<std::vector<double>>{
           {}, {3}, {NAN, INFINITY}, {-1e300, 1e300}, {1e-300, 2e-300}, {5, 5 + 1e-13}, {-7e5, 0.1}, {1e308, -1e308}}) {
    for (const bool log : {false, true}) {
      const auto axis = fit_axis(values, log);
      EXPECT_LT(axis.low, axis.high);
      EXPECT_LE(axis.ticks.size(), 20);
      for (const double tick : axis.ticks) {
        EXPECT_GE(axis.position(tick), -1e-6);
        EXPECT_LE(axis.position(tick), 1 + 1e-6);
      }
      for (const double value : values) {
        if (std::abs(value) > 1e299 || std::isnan(axis.position(value))) continue;
        EXPECT_GE(axis.position(value), 0);
        EXPECT_LE(axis.position(value), 1);
      }
    }
  }
}

TEST(Axis, OfLogarithmsTicksPowersOfTen) {
  const auto axis = fit_axis({1e-3, 10, -5, 0}, true);
  for (const double tick : axis.ticks) EXPECT_NEAR(std::log10(tick), std::round(std::log10(tick)), 1e-9);
  EXPECT_EQ(axis.ticks.size(), 5);
  EXPECT_TRUE(std::isnan(axis.position(-5)));
}

TEST(CurvesSvg, DrawsALineACurveAndBreaksItAtGaps) {
  const auto svg = curves_svg({{"a", {0, 1, 2, 3, 4}, {1, 2, NAN, 3, 4}}, {"floor", {0, 4}, {1, 1}, true}},
                              {.title = "<losses>", .x_label = "iteration", .y_label = "L"});
  EXPECT_EQ(count(svg, "<path"), 2);
  EXPECT_EQ(count(svg, "stroke-dasharray"), 2);  // the curve and its legend
  EXPECT_THAT(
      svg, AllOf(HasSubstr("&lt;losses&gt;"), HasSubstr(">iteration<"), HasSubstr(">floor<"), Not(HasSubstr("nan"))));
  const auto path = svg.substr(svg.find("<path"), svg.find("/>", svg.find("<path")) - svg.find("<path"));
  EXPECT_EQ(count(path, "M"), 2);
  EXPECT_EQ(count(path, "L"), 2);
}

TEST(CurvesSvg, KeepsAPeakAmongManyPoints) {
  Curve curve{.name = "a", .x = {}, .y = {}};
  for (int i = 0; i < 100'000; ++i) {
    curve.x.push_back(i);
    curve.y.push_back(i == 54'321 ? 1 : 0);
  }
  const auto svg = curves_svg({curve}, {});
  EXPECT_LT(svg.size(), 60'000);
  auto flat = curve;
  flat.y[54'321] = 0;
  EXPECT_NE(svg, curves_svg({flat}, {}));
}

TEST(CurvesSvg, SurvivesEmptyAndSinglePoints) {
  EXPECT_THAT(curves_svg({}, {}), HasSubstr("</svg>"));
  EXPECT_THAT(curves_svg({{"a", {1}, {2}}}, {}), HasSubstr("<circle"));
  EXPECT_THAT(curves_svg({{"a", {1, 2}, {NAN, NAN}}}, {.log_y = true}), Not(HasSubstr("nan")));
}

TEST(CurvesSvg, RefusesWhatDoesNotFit) {
  EXPECT_THAT(message_of([] { curves_svg({{"a", {1}, {}}}, {}); }), HasSubstr("\"a\" has 1 x values and 0 y values"));
  EXPECT_THAT(message_of([] { curves_svg({}, {.width = 5}); }), HasSubstr("size = 5 (allowed: 100..4000)"));
}

TEST(Scatter, DrawsEveryFinitePoint) {
  Scatter scatter{.source = torch::randn({7, 2}),
                  .target = torch::randn({5, 2}),
                  .images = torch::randn({3, 2}),
                  .segments = torch::randn({2, 4}),
                  .title = "map"};
  scatter.source[0][1] = NAN;
  const auto svg = scatter_svg(scatter);
  EXPECT_EQ(count(svg, "<circle"), 6 + 5 + 3 + 3);  // and the legend's
  EXPECT_EQ(count(svg, "stroke-width=\"0.8\""), 2);
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
}

TEST(Scatter, PutsThePointWhereItBelongs) {
  // Corners fix the view; one target point stands at the middle.
  const Scatter scatter{.source = torch::tensor({{-1.0f, -1.0f}, {1.0f, 1.0f}}), .target = torch::zeros({1, 2})};
  const auto image = scatter_image(scatter, 101);
  ASSERT_EQ(image.sizes(), (std::vector<int64_t>{101, 101, 3}));
  const auto middle = image[50][50];
  EXPECT_GT(middle[2].item<int>(), middle[0].item<int>() + 50);  // blue
  EXPECT_EQ(image[20][50].min().item<int>(), 255);
  const auto upper_right = image[3][97], lower_right = image[97][97];
  EXPECT_LT(upper_right[0].item<int>(), 255);  // y grows upwards
  EXPECT_EQ(lower_right[0].item<int>(), 255);
}

TEST(Scatter, TakesNothingAndRefusesOtherShapes) {
  EXPECT_THAT(scatter_svg({}), HasSubstr("</svg>"));
  EXPECT_EQ(scatter_image({}, 100).min().item<int>(), 255);
  EXPECT_EQ(scatter_image({.source = torch::full({3, 2}, 1e200, torch::kFloat64)}, 100).min().item<int>(), 255);
  EXPECT_THAT(message_of([] { scatter_svg({.target = torch::zeros({4, 3})}); }),
              AllOf(HasSubstr("target must be [N, 2]"), HasSubstr("[4, 3]")));
  EXPECT_THAT(message_of([] { scatter_image({}, 5000); }), HasSubstr("allowed: 100..4000"));
}

}  // namespace
}  // namespace monge::run
