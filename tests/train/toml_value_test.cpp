// The text after the equals sign of an assignment is read as the right side of a line of TOML.
#include <gtest/gtest.h>

#include <cmath>

#include "monge/train/recipe.h"

namespace monge::train {
namespace {

TEST(TomlValues, AreThoseOfToml) {
  const std::pair<const char*, OptionValue> cases[] = {
      {"true", true},
      {" -7 ", int64_t{-7}},
      {"+7", int64_t{7}},
      {"1_000_000", int64_t{1000000}},
      {"0x10", int64_t{16}},
      {"-2.5e-3", -2.5e-3},
      {"-inf", -std::numeric_limits<double>::infinity()},
      {R"("t\tq\"b\\ \u00fc\U0001F600")", std::string("t\tq\"b\\ \xc3\xbc\xf0\x9f\x98\x80")},
      {R"('C:\new')", std::string("C:\\new")},
      {"[1, 2,3]", std::vector<int64_t>{1, 2, 3}},
      {"[1, 0.5, ]", std::vector<double>{1, 0.5}},
      {"[ ]", std::vector<double>{}},
  };
  for (const auto& [text, expected] : cases) {
    const auto value = toml_value(text);
    ASSERT_TRUE(value.has_value()) << text;
    EXPECT_TRUE(*value == expected) << text;
  }
  EXPECT_TRUE(std::isnan(std::get<double>(toml_value("nan").value())));
}

TEST(TomlValues, AreOneValueOfATypeThatOptionsHave) {
  for (const char* text : {"", "word", "1_", "--1", "infinity", "1979-05-27", "True", "[1, a]", "[1 2]", "[true]",
                           "\"a\"b\"", R"("\q")", R"("\ud800")", "'a'b'", "1 2", "1\nother = 2"}) {
    EXPECT_FALSE(toml_value(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace monge::train
