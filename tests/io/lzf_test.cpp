#include "monge/io/lzf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monge/core/error.h"
#include "tests/io/damage.h"

namespace monge::io {
namespace {

TEST(Lzf, Decodes) {
  using namespace std::string_literals;
  EXPECT_EQ(lzf_decoded("\x02"
                        "abc"s,
                        100),
            "abc");
  EXPECT_EQ(lzf_decoded("\x02"
                        "abc\x20\x02"s,
                        100),
            "abcabc")
      << "a copy of 3 from 3 back";
  EXPECT_EQ(lzf_decoded("\x00"
                        "a\xe0\x01\x00"s,
                        100),
            "a" + std::string(10, 'a'))
      << "a long copy that overlaps itself";
  EXPECT_EQ(lzf_decoded("", 100), "");
}

TEST(Lzf, RefusesDamage) {
  using namespace std::string_literals;
  EXPECT_FALSE(
      lzf_decoded("\x05"
                  "abc"s,
                  100))
      << "ends within a run";
  EXPECT_FALSE(
      lzf_decoded("\x00"
                  "a\x20\x01"s,
                  100))
      << "from before the beginning";
  EXPECT_FALSE(
      lzf_decoded("\x00"
                  "a\x20"s,
                  100))
      << "ends within a copy";
  EXPECT_FALSE(
      lzf_decoded("\x00"
                  "a\xe0"s,
                  100))
      << "ends within a length";
  EXPECT_FALSE(
      lzf_decoded("\x02"
                  "abc"s,
                  2))
      << "longer than stated";
  EXPECT_FALSE(
      lzf_decoded("\x00"
                  "a\xe0\xff\x00"s,
                  200))
      << "longer than stated";
  monge::testing::refuses_damage(
      "\x02"
      "abc\x20\x02\xe0\x10\x01"s,
      5000, [](const std::string& bytes) { require(lzf_decoded(bytes, 1000).has_value(), "damaged"); });
}

}  // namespace
}  // namespace monge::io
