// Options that are a number or "auto".
#include <gmock/gmock.h>

#include "monge/core/option_rows.h"
#include "tests/support/support.h"

namespace monge {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;

struct Section {
  AutoNumber weight;

  OptionTable table() {
    OptionRows rows("a");
    rows.add("weight", weight, "a weight").least(0);
    OptionTable out;
    out.add_section("a", "A section", rows.take());
    return out;
  }
};

TEST(AutoNumber, IsReadFromNumbersAndFromItsWord) {
  Section section;
  const auto table = section.table();
  EXPECT_TRUE(section.weight.automatic());
  table.set("a.weight", 0.25, "here");
  EXPECT_EQ(section.weight, AutoNumber(0.25));
  table.set("a.weight", int64_t{2}, "here");
  EXPECT_EQ(section.weight.value_or(7), 2);
  table.assign("a.weight=auto", "--set");
  EXPECT_EQ(section.weight.value_or(7), 7);
  table.assign("a.weight=\"auto\"", "--set");
  EXPECT_TRUE(section.weight.automatic());
  table.assign("a.weight=1e-3", "--set");
  EXPECT_EQ(section.weight, AutoNumber(1e-3));
  table.check("recipe");
}

TEST(AutoNumber, IsWrittenAsItIsRead) {
  Section section;
  EXPECT_THAT(section.table().to_toml(false), HasSubstr("weight = \"auto\""));
  EXPECT_THAT(section.table().to_markdown(), HasSubstr("| `a.weight` | `\"auto\"` |"));
  section.weight = 3;
  EXPECT_THAT(section.table().to_toml(false), HasSubstr("weight = 3.0"));
}

TEST(AutoNumber, NamesWhatItAllows) {
  Section section;
  const auto table = section.table();
  EXPECT_THAT(message_of([&] { table.set("a.weight", std::string("some"), "recipe"); }),
              AllOf(HasSubstr("a.weight"), HasSubstr("a number or \"auto\""), HasSubstr("\"some\"")));
  EXPECT_THAT(message_of([&] { table.set("a.weight", -1.0, "recipe"); }), HasSubstr("at least 0"));
  EXPECT_THAT(message_of([&] { table.set("a.weight", true, "recipe"); }), HasSubstr("a number or \"auto\""));
  EXPECT_TRUE(section.weight.automatic());
}

}  // namespace
}  // namespace monge
