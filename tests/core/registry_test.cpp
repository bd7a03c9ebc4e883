#include "monge/core/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/support.h"

namespace monge {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;

TEST(Registry, GrowsBehindTheOthers) {
  Registry<int> registry("net", {{"unet", 1}, {"mlp", 2}});
  const int& first = registry.at("unet");
  registry.add("dense", 3);
  EXPECT_EQ(registry.at("dense"), 3);
  EXPECT_EQ(&registry.at("unet"), &first) << "entries never move";
  EXPECT_THAT(registry.ordered(), ElementsAre("unet", "mlp", "dense"));
  EXPECT_THAT(registry.names(), ElementsAre("dense", "mlp", "unet"));
}

TEST(Registry, HasEachNameOnce) {
  Registry<int> registry("net", {{"unet", 1}});
  EXPECT_THAT(message_of([&] { registry.add("unet", 2); }), HasSubstr("the net \"unet\" is already registered"));
  EXPECT_THAT(message_of([&] { registry.add("", 2); }), HasSubstr("needs a name"));
  EXPECT_EQ(registry.at("unet"), 1);
}

}  // namespace
}  // namespace monge
