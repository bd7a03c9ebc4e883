#include "monge/core/option_section.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/support.h"

namespace monge {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;

struct Oven {
  static constexpr const char* kSection = "oven";
  static constexpr const char* kHelp = "Where it bakes";

  double heat = 180;
  std::string mode = "fan";
  int64_t minutes = 20;

  void describe(OptionRows& rows) {
    rows.on_resume(OnResume::fixed, "another cake");
    rows.add("heat", heat, "of the air").unit("C").range(50, 300);
    rows.add("mode", mode, "how it heats").choices({"fan", "grill"});
    rows.add("minutes", minutes, "how long").above_zero().on_resume(OnResume::keeps_updates);
  }
  void check() const { require(heat < 250 || minutes < 60, "oven.heat and oven.minutes burn it"); }
};

struct Plate {
  static constexpr const char* kSection = "plate";
  static constexpr const char* kHelp = "Where it lies";

  bool warm = false;

  void describe(OptionRows& rows) { rows.add("warm", warm, "before"); }
};

OptionSections both() {
  OptionSections out;
  out.add(OptionSection(Oven{}));
  out.add(OptionSection(Plate{}));
  return out;
}

TEST(OptionSections, BindToTheirOwnStructs) {
  auto one = both();
  auto two = one;
  OptionTable table;
  two.describe(table);
  table.set("oven.heat", OptionValue(200.0), "here");
  EXPECT_EQ(two.get<Oven>().heat, 200);
  EXPECT_EQ(one.get<Oven>().heat, 180) << "a copy has its own structs";
  const auto moved = std::move(two);
  table.set("plate.warm", OptionValue(true), "here");
  EXPECT_TRUE(moved.get<Plate>().warm) << "moving keeps the structs where they are";
  EXPECT_EQ(table.to_toml(false), "\n[oven]\nheat = 200.0\nmode = \"fan\"\nminutes = 20\n\n[plate]\nwarm = true\n");
}

TEST(OptionSections, RowsSayWhatIsAllowedAndWhatMayChange) {
  auto sections = both();
  OptionTable table;
  sections.describe(table);
  EXPECT_THAT(message_of([&] { table.set("oven.heat", OptionValue(10.0), "here"); }), HasSubstr("50.0 to 300.0"));
  EXPECT_THAT(message_of([&] { table.set("oven.mode", OptionValue(std::string("steam")), "here"); }),
              HasSubstr("fan, grill"));
  EXPECT_THAT(table.to_markdown(),
              AllOf(HasSubstr("| `oven.heat` | `180.0` | C | 50.0 to 300.0 | no: another cake | of the air |"),
                    HasSubstr("| `oven.minutes` | `20` |  | above 0 | yes | how long |"),
                    HasSubstr("| `plate.warm` | `false` |  |  | no | before |")));
}

TEST(OptionSections, CheckThemselves) {
  auto sections = both();
  EXPECT_NO_THROW(sections.check());
  sections.get<Oven>() = {.heat = 260, .minutes = 90};
  EXPECT_THAT(message_of([&] { sections.check(); }), HasSubstr("burn it"));
}

TEST(OptionSections, HaveOneOfEachName) {
  auto sections = both();
  EXPECT_THAT(message_of([&] { sections.add(OptionSection(Plate{})); }), HasSubstr("[plate]"));
  EXPECT_THAT(message_of([] { OptionSections().get<Plate>(); }), HasSubstr("[plate]"));
  EXPECT_EQ(OptionSections().find<Plate>(), nullptr);
}

}  // namespace
}  // namespace monge
