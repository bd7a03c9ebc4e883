#include "monge/data/column_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monge/core/error.h"
#include "monge/core/random.h"
#include "monge/data/split.h"
#include "tests/data/named_table.h"
#include "tests/support/support.h"

namespace monge::data {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using ::testing::Not;
using Names = std::vector<std::string>;

/// Row i, column k holds 10 i + k.
std::shared_ptr<const Source> table(const Names& columns, int64_t width, const Names& rows = {}) {
  const auto values = torch::arange(4, torch::kFloat64).view({4, 1}) * 10 + torch::arange(width, torch::kFloat64);
  return std::make_shared<NamedTable>("t.csv", values, io::TableNames{.columns = columns, .rows = rows, .index = "id"});
}

struct Log {
  std::string lines;
  LogSink sink = [this](LogLevel level, const std::string& line) {
    lines += (level == LogLevel::warning ? "W " : "I ") + line + "\n";
  };
};

TEST(ColumnNames, ATableInAnotherOrderIsTakenByName) {
  Log log;
  const auto whole = table({"a", "b", "c"}, 3, {"r0", "r1", "r2", "r3"});
  const auto selected = select_columns(whole, {"c", "a", "b"}, "IN", log.sink);
  EXPECT_EQ(
      log.lines,
      "I IN: t.csv: its columns are in a different order than those of the training and are matched by name: \"c\", "
      "\"a\", \"b\"\n");
  EXPECT_TRUE(
      torch::equal(selected->exact_items({1, 0}), torch::tensor({{12., 10., 11.}, {2., 0., 1.}}, torch::kFloat64)));
  EXPECT_TRUE(torch::equal(selected->items({3}), torch::tensor({{32.f, 30.f, 31.f}})));
  EXPECT_TRUE(torch::equal(selected->draw(5, RandomStreams(1).at("d", 0)),
                           whole->draw(5, RandomStreams(1).at("d", 0)).index_select(1, torch::tensor({2, 0, 1}))));
  EXPECT_TRUE(torch::equal(selected->exact_draw(5, RandomStreams(1).at("d", 0)).to(torch::kFloat32),
                           selected->draw(5, RandomStreams(1).at("d", 0))));
  const auto names = selected->table_names();
  EXPECT_THAT(names.columns, ElementsAre("c", "a", "b"));
  EXPECT_THAT(names.rows, ElementsAre("r0", "r1", "r2", "r3"));
  EXPECT_EQ(names.index, "id");
  EXPECT_EQ(selected->size(), 4);
  EXPECT_EQ(selected->number_type(), torch::kFloat64);
}

TEST(ColumnNames, ColumnsBesideTheNeededOnesAreNamed) {
  Log log;
  const auto selected = select_columns(table({"a", "label", "b", "id"}, 4), {"a", "b"}, "IN", log.sink);
  EXPECT_EQ(log.lines, "I IN: t.csv: 2 of its 4 columns are not used: \"label\", \"id\"\n");
  EXPECT_TRUE(torch::equal(selected->exact_items({2}), torch::tensor({{20., 22.}}, torch::kFloat64)));
}

TEST(ColumnNames, WithoutNamesThePositionCounts) {
  Log log;
  const auto plain = table({}, 3), named = table({"a", "b", "c"}, 3);
  EXPECT_EQ(select_columns(plain, {"c", "a", "b"}, "IN", log.sink), plain);
  EXPECT_EQ(select_columns(named, {}, "IN", log.sink), named);
  EXPECT_EQ(select_columns(named, {"a", "b", "c"}, "IN", log.sink), named);
  const auto twice = table({"a", "a", "b"}, 3);
  EXPECT_EQ(select_columns(twice, {"a", "a", "b"}, "IN", log.sink), twice) << "the same names in the same places";
  EXPECT_EQ(log.lines, "");
}

TEST(ColumnNames, MissingColumnsAreRefusedByName) {
  EXPECT_THAT(message_of([] { select_columns(table({"a", "B", "x\x1b"}, 3), {"a", "b", "c"}, "IN", silent()); }),
              AllOf(HasSubstr("t.csv: IN lacks 2 of the 3 columns of the training: \"b\", \"c\""),
                    HasSubstr("got \"a\", \"B\""), HasSubstr("allowed: \"a\", \"b\", \"c\", in any order"),
                    HasSubstr("by position"), Not(HasSubstr("\x1b"))));
}

TEST(ColumnNames, NamesThatAreNumbersMayBeARow) {
  EXPECT_THAT(message_of([&] { select_columns(table({"0", "1"}, 2), {"a", "b"}, "IN", silent()); }),
              HasSubstr("?header=no"));
}

TEST(ColumnNames, NamesThatStandTwiceDecideNothing) {
  EXPECT_THAT(message_of([] { select_columns(table({"a", "b", "a"}, 3), {"b", "a"}, "IN", silent()); }),
              AllOf(HasSubstr("a name occurs twice"), HasSubstr("\"a\"")));
  EXPECT_THAT(message_of([] { select_columns(table({"a", "b", "c"}, 3), {"b", "b", "a"}, "IN", silent()); }),
              HasSubstr("\"b\""));
  // Of a column that is not needed it does not matter.
  const auto selected = select_columns(table({"x", "b", "x", "a"}, 4), {"a", "b"}, "IN", silent());
  EXPECT_TRUE(torch::equal(selected->exact_items({0}), torch::tensor({{3., 1.}}, torch::kFloat64)));
}

TEST(ColumnNames, TheTargetOfATrainingFollowsItsSource) {
  Log log;
  const auto target = pair_columns(*table({"a", "b", "c"}, 3), table({"c", "a", "b"}, 3), log.sink);
  EXPECT_THAT(log.lines, HasSubstr("I the target: t.csv: its columns are in a different order"));
  EXPECT_TRUE(torch::equal(target->exact_items({0}), torch::tensor({{1., 2., 0.}}, torch::kFloat64)));
  for (const auto& names : {Names{}, Names{"a", "b", "c"}}) {
    const auto same = table(names, 3);
    EXPECT_EQ(pair_columns(*table({"a", "b", "c"}, 3), same, silent()), same);
  }
}

TEST(ColumnNames, OtherNamesOnTheTwoSidesAreShownInPairs) {
  Log log;
  EXPECT_EQ(pair_columns(*table({"a", "b", "time"}, 3), table({"a", "time", "b"}, 3), silent())->table_names().columns,
            (Names{"a", "b", "time"}));
  const auto other = table({"a", "time", "x"}, 3);
  EXPECT_EQ(pair_columns(*table({"a", "b", "time"}, 3), other, log.sink), other);
  EXPECT_THAT(log.lines, AllOf(HasSubstr("W source and target name 2 of 3 columns differently; they are compared by "
                                         "position: \"b\" with \"time\", "
                                         "\"time\" with \"x\"."),
                               HasSubstr("the same names or the same order")));
}

TEST(ColumnNames, OtherNumbersOfColumnsAreRefusedByName) {
  EXPECT_THAT(message_of([] { pair_columns(*table({"a", "b", "label"}, 3), table({"a", "b"}, 2), silent()); }),
              AllOf(HasSubstr("the source has 3 columns and the target 2"),
                    HasSubstr("only in the source: \"label\"; only in the target: none"), HasSubstr("?columns=")));
}

TEST(ColumnNames, AreCutInLongLists) {
  EXPECT_EQ(column_labels({}, {0, 7}), "0, 7");
  EXPECT_EQ(column_labels({"x", "y"}, {1}), "\"y\"");
  std::vector<int64_t> many(100, 3);
  EXPECT_THAT(column_labels({}, many), ::testing::EndsWith("3, 3, ..."));
}

TEST(ColumnNames, APartOfATableKeepsTheNamesOfItsRows) {
  const auto parts = hold_out(table({"a", "b"}, 2, {"r0", "r1", "r2", "r3"}), 1);
  EXPECT_THAT(parts.kept->table_names().rows, ElementsAre("r0", "r1", "r2"));
  EXPECT_THAT(parts.held_out->table_names().rows, ElementsAre("r3"));
  EXPECT_THAT(parts.held_out->table_names().columns, ElementsAre("a", "b"));
  EXPECT_EQ(parts.held_out->exact_items({0})[0][1].item<double>(), 31);
}

}  // namespace
}  // namespace monge::data
