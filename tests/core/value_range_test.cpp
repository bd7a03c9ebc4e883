#include "monge/core/value_range.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/support/support.h"

namespace monge {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(ValueRange, EitherSideMayBeLeftOut) {
  EXPECT_EQ(parse_value_range("0..1", "k"), (ValueRange{0, 1}));
  EXPECT_EQ(parse_value_range("0..", "k"), (ValueRange{0, kInfinity}));
  EXPECT_EQ(parse_value_range("..-2.5e3", "k"), (ValueRange{-kInfinity, -2500}));
  EXPECT_EQ(parse_value_range("-0.5..0.5", "k"), (ValueRange{-0.5, 0.5}));
  EXPECT_EQ(parse_value_range("7..7", "k"), (ValueRange{7, 7}));
}

TEST(ValueRange, RefusesWhatItIsNot) {
  for (const char* text :
       {"", "..", "0", "0.1", "0...1", "a..b", "0..1x", "0..nan", "inf..1", "0..1..2", " 0..1", "0,5..1", "1e999.."}) {
    EXPECT_THAT(message_of([&] { parse_value_range(text, "output.range"); }),
                AllOf(HasSubstr("output.range"), HasSubstr("not a range of numbers"), HasSubstr("0.. or 0..1")))
        << text;
  }
  EXPECT_THAT(message_of([] { parse_value_range("2..1", "output.range"); }),
              HasSubstr("the lower end of the range exceeds its upper end, got \"2..1\""));
}

}  // namespace
}  // namespace monge
