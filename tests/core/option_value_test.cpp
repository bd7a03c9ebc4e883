#include "monge/core/option_value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "monge/core/names.h"
#include "tests/support/support.h"

namespace monge {
namespace {

using ::testing::HasSubstr;
using testing::message_of;

TEST(OptionValues, AreReadAsTomlReadsThem) {
  const std::pair<const char*, OptionValue> cases[] = {
      {"true", true},
      {"false", false},
      {"12", int64_t{12}},
      {" -7 ", int64_t{-7}},
      {"9223372036854775807", int64_t{9223372036854775807}},
      {"0.5", 0.5},
      {"-2.5e-3", -2.5e-3},
      {"1e3", 1e3},
      {"-inf", -std::numeric_limits<double>::infinity()},
      {"\"a b\"", std::string("a b")},
      {"\"\"", std::string()},
      {"[1, 2,3]", std::vector<int64_t>{1, 2, 3}},
      {"[1, 0.5, ]", std::vector<double>{1, 0.5}},
      {"[ ]", std::vector<double>{}},
  };
  for (const auto& [text, expected] : cases) {
    const auto value = option_value(text);
    ASSERT_TRUE(value.has_value()) << text;
    EXPECT_TRUE(*value == expected) << text;
  }
  EXPECT_TRUE(std::isnan(std::get<double>(option_value("nan").value())));
}

TEST(OptionValues, AreNothingElse) {
  for (const char* text : {"",         "word",    "1_",         "_1",          "1__0",
                           "--1",      "+-1",     "-",          ".",           "e5",
                           "1e",       "0x10",    "1979-05-27", "True",        "[1, 2",
                           "[1, a]",   "[1 2]",   "[,]",        "[true]",      "\"open",
                           "\"a\"b\"", R"("\q")", R"("\u12")",  R"("\ud800")", R"("\U00110000")",
                           R"("\)",    "'a'b'",   "\"",         "'",           "[",
                           "1 2"}) {
    EXPECT_FALSE(option_value(text).has_value()) << text;
  }
}

TEST(OptionTables, TakeAssignments) {
  std::string word = "none";
  int64_t count = 0;
  double share = 0;
  std::vector<double> betas;
  const OptionTable table({{"a", "the only one"}}, {{.key = "a.word", .field = &word, .help = ""},
                                                    {.key = "a.count", .field = &count, .help = "", .least = 1},
                                                    {.key = "a.share", .field = &share, .help = ""},
                                                    {.key = "a.betas", .field = &betas, .help = ""}});
  table.assign("a.word=two words = here", "--set");
  EXPECT_EQ(word, "two words = here");
  table.assign("a.word='12'", "--set");
  EXPECT_EQ(word, "12");
  table.assign("a.word=", "--set");
  EXPECT_EQ(word, "");
  table.assign("a.count= 5", "--set");
  EXPECT_EQ(count, 5);
  table.assign("a.share=2", "--set");
  EXPECT_EQ(share, 2);
  table.assign("a.betas=[0, 0.9]", "--set");
  EXPECT_EQ(betas, (std::vector<double>{0, 0.9}));
  EXPECT_THAT(message_of([&] { table.assign("a.count=many", "--set"); }), HasSubstr("a whole number"));
  EXPECT_THAT(message_of([&] { table.assign("a.count=1.5", "--set"); }), HasSubstr("a whole number"));
  EXPECT_THAT(message_of([&] { table.assign("a.count=0", "--set"); }), HasSubstr("at least 1"));
  EXPECT_THAT(message_of([&] { table.assign("a.count", "--set"); }), HasSubstr("expected section.key=value"));
  EXPECT_THAT(message_of([&] { table.assign("a.coun=1", "--set"); }), HasSubstr("a.count"));
}

TEST(Utf8, IsToldFromOtherBytes) {
  for (const char* good : {"", "plain", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
                           "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf",
                           "a\xc3\xbc"
                           "b"}) {
    EXPECT_TRUE(is_utf8(good)) << good;
  }
  for (const char* bad :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc3", "\xc3(", "\xe0\x9f\xbf", "\xe2\x82", "\xed\xa0\x80",
        "\xf0\x8f\xbf\xbf", "\xf0\x90\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"}) {
    EXPECT_FALSE(is_utf8(bad)) << bad;
  }
}

}  // namespace
}  // namespace monge
