#include "monge/core/value_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/support.h"

namespace monge {
namespace {

enum class Shade { light, dark, none };

TEST(ValueNames, GoBothWaysAndNameWhatIsAllowed) {
  const ValueNames<Shade> names{{"light", Shade::light}, {"dark", Shade::dark}};
  EXPECT_EQ(names.at("dark", "shade"), Shade::dark);
  EXPECT_EQ(names.name(Shade::light), "light");
  EXPECT_FALSE(names.find("Dark").has_value());
  EXPECT_THAT(names.names(), ::testing::ElementsAre("light", "dark"));
  EXPECT_EQ(testing::message_of([&] { names.at("grey", "shade"); }), "shade: got \"grey\" (allowed: light, dark)");
  EXPECT_EQ(testing::message_of([&] { names.name(Shade::none); }), "a value without a name");
}

}  // namespace
}  // namespace monge
