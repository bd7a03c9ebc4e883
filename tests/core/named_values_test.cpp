#include "monge/core/named_values.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace monge {
namespace {

TEST(NamedValues, IsJsonInItsOwnOrder) {
  EXPECT_EQ(json_line({{"b", int64_t{-3}}, {"a", 0.5}, {"c", true}, {"d", nullptr}}),
            R"({"b": -3, "a": 0.5, "c": true, "d": null})");
  EXPECT_EQ(json_line({}), "{}");
}

TEST(NamedValues, CanBeReadBack) {
  const double values[] = {1.0 / 3, 1e300, -2.5e-308, 100000, 0};
  for (const double value : values) {
    EXPECT_EQ(nlohmann::json::parse(json_line({{"x", value}})).at("x").get<double>(), value);
  }
  for (const std::string text : {"plain", "a \"quote\" and a \\", "line\nfeed\x01", "gr\xc3\xbc\xc3\x9f", ""}) {
    EXPECT_EQ(nlohmann::json::parse(json_line({{text, text}})).at(text).get<std::string>(), text);
  }
}

TEST(NamedValues, HasNullForWhatIsNoNumberAndMarksForBrokenBytes) {
  EXPECT_EQ(json_line({{"x", std::nan("")}, {"y", std::numeric_limits<double>::infinity()}}),
            R"({"x": null, "y": null})");
  EXPECT_EQ(json_line({{"x", std::string("a\xff"
                                         "b")}}),
            R"({"x": "a?b"})");
}

}  // namespace
}  // namespace monge
