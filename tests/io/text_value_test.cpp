#include "monge/io/text_value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace monge::io {
namespace {

TEST(TextValue, TellsNumbersBeyondDouble) {
  for (const char* field : {"1e309", "-1e400", "+1e400", "1e400000000000", "1.8e308"})
    EXPECT_TRUE(is_beyond_double(field, false)) << field;
  for (const char* field : {"1e308", "1e-400", "inf", "nan", "", "x", "1e400x", "1,5e400"})
    EXPECT_FALSE(is_beyond_double(field, false)) << field;
  EXPECT_TRUE(is_beyond_double("1,5e400", true));
  EXPECT_FALSE(is_beyond_double("1.5e400", true));
}

TEST(TextValue, TellsHowWholeNumbersAreRounded) {
  EXPECT_EQ(rounded_whole("9007199254740993", 9007199254740993.0), "9007199254740992");
  EXPECT_EQ(rounded_whole("-9007199254740995", -9007199254740995.0), "-9007199254740996");
  EXPECT_EQ(rounded_whole("9007199254740992", 9007199254740992.0), "");
  EXPECT_EQ(rounded_whole("+0009007199254740992", 9007199254740992.0), "");
  EXPECT_EQ(rounded_whole("0", 0), "") << "no digit is left of it";
  EXPECT_EQ(rounded_whole("9007199254740993.5", 9007199254740993.5), "") << "no whole number";
  EXPECT_EQ(rounded_whole("1e300", 1e300), "");
  EXPECT_EQ(rounded_whole("1", std::numeric_limits<double>::infinity()), "");
}

}  // namespace
}  // namespace monge::io
