#include "monge/io/text_number_like.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace monge::io {
namespace {

TEST(TextNumberLike, KnowsNumbersThatCannotBeRead) {
  for (const char* text : {"$1",
                           "-$1.50",
                           "$-1",
                           "1 \xe2\x82\xac",
                           "1%",
                           "1.5 %",
                           "<0.1",
                           ">= 5",
                           "(1.5)",
                           "($1,234.50)",
                           "[3]",
                           "1'001.5",
                           "1 001,5",
                           "1\xc2\xa0"
                           "001",
                           "1\xe2\x80\xaf"
                           "001,5",
                           "1.0D-07",
                           "1+2i",
                           "1.5-2j",
                           "1.5mm",
                           "1,5 kg",
                           "1.234,5",
                           "1e400",
                           "1,234,567",
                           "\xe2\x88\x92"
                           "1.5",
                           "-1 001"}) {
    EXPECT_TRUE(is_number_like(text)) << text;
  }
}

TEST(TextNumberLike, LeavesNamesDatesAndTimes) {
  for (const char* text : {"",
                           "cell12",
                           "AAACCTG-1",
                           "2021-01-05",
                           "05/01/2021",
                           "12:01",
                           "12:01:30.5",
                           "2021-01-05 12:01",
                           "3-7",
                           "10x",
                           "10X-AAAC",
                           "1_1",
                           "12_0001",
                           "1 2",
                           "507f1f77bcf86cd799439011",
                           "550e8400-e29b-41d4",
                           "yes",
                           "(a)",
                           "$",
                           "-",
                           "0x",
                           "1st",
                           "2B",
                           "7 up",
                           "1.5abcd",
                           "A1"}) {
    EXPECT_FALSE(is_number_like(text)) << text;
  }
}

TEST(TextNumberLike, KnowsGroupsOfThousands) {
  for (const char* text : {"1,234", "-12,345", "+123,456,789", "9,000"}) EXPECT_TRUE(is_grouped(text, ',')) << text;
  for (const char* text : {"", "1", "1234", "0,123", "1234,567", "1,23", "1,2345", ",123", "1,234.5", "1,234,",
                           "1,234e5", "1.234", "012,345"}) {
    EXPECT_FALSE(is_grouped(text, ',')) << text;
  }
  EXPECT_TRUE(is_grouped("76.571", '.'));
}

}  // namespace
}  // namespace monge::io
