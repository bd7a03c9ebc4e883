#include "monge/run/metrics_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace monge::run {
namespace {

using ::testing::ElementsAre;

TEST(MetricsLog, ReadsNumbersByKeyAndPlace) {
  const auto log = parse_metrics(
      "{\"iteration\": 10, \"loss\": 2, \"time\": 5, \"note\": \"x\", \"eval\": {\"fid\": 30.5}, \"never\": null}\n"
      "\n"
      "{\"iteration\": 20, \"loss\": null}\n"
      "{\"iteration\": 30, \"loss\": 1.5, \"lo");
  ASSERT_EQ(log.curves.size(), 2);
  EXPECT_EQ(log.curves[0].name, "loss");
  EXPECT_THAT(log.curves[0].x, ElementsAre(10, 20));
  EXPECT_EQ(log.curves[0].y[0], 2);
  EXPECT_TRUE(std::isnan(log.curves[0].y[1]));
  EXPECT_EQ(log.curves[1].name, "eval.fid");
  EXPECT_THAT(log.rejected, ElementsAre(4));
}

TEST(MetricsLog, ForgetsWhatAResumedRunRepeats) {
  const auto log = parse_metrics(
      "{\"step\": 1, \"a\": 1}\n{\"step\": 2, \"a\": 2}\n{\"step\": 3, \"a\": 3}\n{\"step\": 2, \"a\": 7}\n");
  ASSERT_EQ(log.curves.size(), 1);
  EXPECT_THAT(log.curves[0].x, ElementsAre(1, 2));
  EXPECT_THAT(log.curves[0].y, ElementsAre(1, 7));
}

TEST(MetricsLog, SurvivesGarbage) {
  EXPECT_TRUE(parse_metrics("").curves.empty());
  using namespace std::string_literals;
  const auto log = parse_metrics("\xff\0\n[1]\n3\nnull\n{\"a\":{\"b\":{\"c\":1}}}\n"s + std::string(100'000, '[') +
                                 "\n{\"a\":" + std::string(100'000, '{'));
  EXPECT_TRUE(log.curves.empty());
  EXPECT_EQ(log.rejected.size(), 6);
}

TEST(MetricsLog, ReadsEvaluationsWithTheirVerdicts) {
  const auto log = parse_metrics(
      "{\"iteration\": 5, \"seconds\": 2.5, \"eval\": {\"target_error\": 0.5, \"fid\": null}, \"verdict\": \"MISSES "
      "its "
      "target\", \"reaches_target\": false}\n"
      "{\"iteration\": 7, \"seconds\": 3, \"eval\": {\"target_error\": 0.25}}\n");
  ASSERT_EQ(log.evaluations.size(), 2);
  EXPECT_EQ(log.evaluations[0].iteration, 5);
  EXPECT_EQ(log.evaluations[0].verdict, "MISSES its target");
  EXPECT_EQ(log.evaluations[0].reaches_target, false);
  EXPECT_EQ(log.evaluations[0].metrics[0], (std::pair<std::string, double>("target_error", 0.5)));
  EXPECT_TRUE(std::isnan(log.evaluations[0].metrics[1].second));
  EXPECT_EQ(log.evaluations[1].verdict, "");  // as older versions wrote it
  EXPECT_FALSE(log.evaluations[1].reaches_target.has_value());
  EXPECT_EQ(log.iterations, 7);
  EXPECT_EQ(log.seconds, 3);
}

TEST(MetricsLog, ForgetsEvaluationsThatAResumedRunRepeats) {
  const auto log = parse_metrics(
      "{\"iteration\": 2, \"eval\": {\"fid\": 1}}\n{\"iteration\": 4, \"eval\": {\"fid\": 2}}\n"
      "{\"iteration\": 3, \"cost\": 1}\n{\"iteration\": 4, \"eval\": {\"fid\": 9}}\n");
  ASSERT_EQ(log.evaluations.size(), 2);
  EXPECT_EQ(log.evaluations[0].iteration, 2);
  EXPECT_EQ(log.evaluations[1].metrics[0].second, 9);
}

}  // namespace
}  // namespace monge::run
