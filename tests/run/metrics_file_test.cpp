#include "monge/run/metrics_file.h"

#include <gtest/gtest.h>

namespace monge::run {
namespace {

const std::string kFirst = "{\"iteration\":1,\"seconds\":0.5,\"cost\":2}\n";
const std::string kSecond = "{\"iteration\":2,\"seconds\":1.5,\"cost\":3}\n";
const std::string kThird = "{\"iteration\":3,\"seconds\":2.5,\"cost\":null}\n";

TEST(MetricsLines, OfStepsThatAreMadeAgainAreDropped) {
  const auto kept = lines_until(2, kFirst + kSecond + kThird);
  EXPECT_EQ(kept.lines, kFirst + kSecond);
  EXPECT_EQ(kept.seconds, 1.5);
  EXPECT_EQ(kept.damaged, 0);
}

// A crash while a line is written, behind the checkpoint: that iteration is made again, so nothing is lost.
TEST(MetricsLines, ATornLineBehindTheCheckpointIsNoLoss) {
  for (const auto& end :
       {std::string("{\"iteration\":3,\"sec"), std::string(100, '\0'), std::string("\n"), std::string()}) {
    const auto kept = lines_until(2, kFirst + kSecond + end);
    EXPECT_EQ(kept.lines, kFirst + kSecond);
    EXPECT_EQ(kept.damaged, 0) << end;
  }
}

TEST(MetricsLines, ALastLineWithoutItsNewlineIsKept) {
  EXPECT_EQ(lines_until(2, kFirst + kSecond.substr(0, kSecond.size() - 1)).lines, kFirst + kSecond);
}

TEST(MetricsLines, DamagedOnesBeforeTheCheckpointAreCounted) {
  for (const std::string damaged : {"{\"iteration\":2,\"seconds\":1.5,\"co", "7", "[1]", "{\"cost\":1}",
                                    "{\"iteration\":null}", "{\"iteration\":\"2\"}", "\xff\xfe"}) {
    const auto kept = lines_until(3, kFirst + damaged + "\n" + kThird);
    EXPECT_EQ(kept.lines, kFirst + kThird);
    EXPECT_EQ(kept.damaged, 1) << damaged;
    EXPECT_EQ(kept.first_damaged, 2);
  }
  const auto torn = lines_until(3, kFirst + kSecond + "{\"iter");  // the line of the checkpoint's own iteration
  EXPECT_EQ(torn.damaged, 1);
  EXPECT_EQ(torn.first_damaged, 3);
}

TEST(MetricsLines, OfAnEvaluationThatIsMadeAgainAreDropped) {
  const std::string evaluation = "{\"iteration\": 2, \"eval\": {\"target_error\": 1}}\n";
  EXPECT_EQ(lines_until(2, kFirst + kSecond + evaluation).lines, kFirst + kSecond + evaluation);
  EXPECT_EQ(lines_until(2, kFirst + kSecond + evaluation, /*evaluated=*/false).lines, kFirst + kSecond)
      << "it will be made again";
}

TEST(MetricsLines, OfNothingAreNone) {
  EXPECT_EQ(lines_until(5, "").lines, "");
  EXPECT_EQ(lines_until(5, "").seconds, 0);
}

}  // namespace
}  // namespace monge::run
