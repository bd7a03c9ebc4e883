#include "monge/data/check_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "monge/core/error.h"
#include "monge/core/random.h"
#include "monge/io/csv.h"
#include "monge/io/npy.h"
#include "tests/support/support.h"

namespace monge::data {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::message_of;
using ::testing::Pair;
using testing::ScratchFolder;

const std::atomic<bool> kNeverStop{false};

class CheckTable : public ::testing::Test {
 protected:
  std::string put(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return (folder_ / name).string();
  }
  std::string put(const std::string& name, const torch::Tensor& rows) {
    io::write_npy(folder_ / name, rows);
    return (folder_ / name).string();
  }
  static TableReport check(const std::string& line, const std::string& against = "") {
    return check_table(line, against, {}, kNeverStop);
  }

  ScratchFolder folder_;
};

TEST_F(CheckTable, DescribesColumns) {
  const auto r = check(put("a.csv", "cell,x,y,z\na,1,5,7\nb,3,NA,7\nc,8,1e39,7\nd,4,5,7\n"));
  EXPECT_EQ(r.rows, 4);
  EXPECT_EQ(r.reading, "commas, header in line 1, index \"cell\"");
  ASSERT_EQ(r.columns.size(), 3u);
  EXPECT_EQ(r.columns[0].name, "x");
  EXPECT_EQ(r.columns[0].mean, 4);
  EXPECT_DOUBLE_EQ(r.columns[0].deviation, std::sqrt((9 + 1 + 16 + 0) / 4.0));
  EXPECT_EQ(r.columns[0].least, 1);
  EXPECT_EQ(r.columns[0].most, 8);
  EXPECT_EQ(r.columns[1].missing, 1);
  EXPECT_EQ(r.columns[1].infinite, 1) << "too large for float32";
  EXPECT_EQ(r.columns[1].mean, 5);
  EXPECT_THAT(r.incomplete, ElementsAre(1, 2));
  EXPECT_THAT(r.constant(), ElementsAre(1, 2));
  EXPECT_EQ(r.missing(), 1);
  EXPECT_THAT(r.duplicates, IsEmpty());
  EXPECT_TRUE(r.bad());
}

TEST_F(CheckTable, FindsDuplicatesAndLeaks) {
  const auto a = put("a.csv", "x,y\n1,2\n0,0\n1,2\n-0,0\n3,4\n"), b = put("b.csv", ",y,x\n0,2,1\n1,9,9\n");
  const auto r = check(a, b);
  EXPECT_THAT(r.duplicates, ElementsAre(Pair(2, 0), Pair(3, 1))) << "0 and -0 are one value";
  EXPECT_THAT(r.leaked, ElementsAre(Pair(0, 0), Pair(2, 0))) << "the other's columns are in another order";
  EXPECT_EQ(r.against, 2);
  EXPECT_TRUE(r.bad());
  EXPECT_FALSE(check(a).bad()) << "duplicates alone do not fail";
  EXPECT_THAT(check(put("a.npy", torch::tensor({{1.f, 2.f}, {5.f, 6.f}})), a).leaked, ElementsAre(Pair(0, 0)))
      << "without names by place";
  EXPECT_THAT(message_of([&] { check(a, put("c.csv", "x,z\n1,2\n")); }),
              AllOf(HasSubstr("c.csv"), HasSubstr("has no column \"y\"")));
  EXPECT_THAT(message_of([&] { check(put("d.csv", "x,x\n1,2\n"), put("e.csv", "x,y\n1,2\n")); }),
              HasSubstr("several columns have the same name"));
  EXPECT_THAT(message_of([&] { check(a, put("c.csv", "x\n1\n")); }), HasSubstr("has 1 columns, and"));
}

TEST_F(CheckTable, FindsOffsetsBeyondFloat32) {
  const auto z = torch::randn({500, 3}, RandomStreams(1).at("z", 0), torch::kFloat64);
  const auto r = check(put("a.npy", z + torch::tensor({0.0, 1e9, 100.0}, torch::kFloat64)));
  EXPECT_THAT(r.beyond_float32(), ElementsAre(1));
  EXPECT_NEAR(r.columns[1].mean, 1e9, 0.2);
  EXPECT_NEAR(r.columns[1].deviation, 1, 0.1) << "in one pass, and yet not lost";
  EXPECT_FALSE(r.bad());
}

TEST_F(CheckTable, FindsFillValues) {
  auto rows = torch::randn({500, 3}, RandomStreams(1).at("z", 0), torch::kFloat64);
  rows[3][1] = rows[400][1] = 1e20;
  rows[7][2] = -9999;
  const auto r = check(put("a.npy", rows));
  EXPECT_THAT(r.with_fill_values(), ElementsAre(1, 2));
  ASSERT_TRUE(r.columns[1].fill && r.columns[2].fill);
  EXPECT_EQ(r.columns[1].fill->values[0].value, 1e20);
  EXPECT_EQ(r.columns[1].fill->values[0].rows, 2);
  EXPECT_EQ(r.columns[2].fill->values[0].value, -9999);
  EXPECT_THAT(r.beyond_float32(), IsEmpty()) << "in raw units they cost no digits";
  EXPECT_FALSE(r.bad());
  EXPECT_THAT(check(put("b.csv", "x,y\n1,0\n2,1\n5,0\n3,1\n7,0\n9,0\n2,1\n4,0\n8,1\n")).with_fill_values(), IsEmpty());
}

TEST_F(CheckTable, TellsWhatMayBeReadOtherwise) {
  const auto wide = put("i8.npy", torch::tensor({int64_t{9007199254740993}, int64_t{7}}, torch::kInt64).unsqueeze(1));
  EXPECT_THAT(
      check(wide).warnings,
      ElementsAre(
          "1 of its 2 values are whole numbers that float64 does not hold exactly, the first at row 0, column 0 "
          "(counted from 0): 9007199254740993 becomes 9007199254740992"));
  const auto text = put("big.csv", "x\n9007199254740993\n7\n");
  EXPECT_THAT(check(text).warnings, ElementsAre(HasSubstr("9007199254740993 becomes 9007199254740992")));
  EXPECT_THAT(check(put("b.csv", "x\n1\n2\n"), text).warnings, ElementsAre(HasSubstr("big.csv: 1 of its 2 values")))
      << "of the other table";
  EXPECT_THAT(check(put("flag.csv", "flag,x\nyes,1\nno,2\nyes,3\n")).warnings,
              ElementsAre(HasSubstr("3 entries have only 2 values")));
  EXPECT_THAT(check(put("i4.npy", torch::tensor({{1, 2}}, torch::kInt32))).warnings, IsEmpty());
}

TEST_F(CheckTable, KeepsTheSpreadOfTinyValues) {
  const auto r = check(put("tiny.csv", "a\n1e-300\n3e-300\n"));
  EXPECT_DOUBLE_EQ(r.columns[0].mean, 2e-300);
  EXPECT_DOUBLE_EQ(r.columns[0].deviation, 1e-300) << "whose square is no double";
}

TEST_F(CheckTable, TakesEveryKindOfTable) {
  EXPECT_TRUE(names_table("a.csv.gz?columns=x") && names_table("npz:a.npz?key=b") && names_table("a.npy"));
  EXPECT_FALSE(names_table("faces.zip") || names_table("a.png"));
  std::filesystem::create_directory(folder_ / "images.csv");
  EXPECT_FALSE(names_table((folder_ / "images.csv").string())) << "a folder is a folder";
  EXPECT_EQ(check(put("u.npy", torch::tensor({{7, 200}, {9, 200}}, torch::kUInt8))).columns[1].mean, 200);
  const auto images = check(put("i.npy", torch::zeros({2, 3, 4, 4})));
  EXPECT_EQ(images.columns.size(), 48u);
  EXPECT_THAT(images.duplicates, ElementsAre(Pair(1, 0)));
  EXPECT_THAT(message_of([&] { check(put("flat.npy", torch::zeros({4}))); }),
              HasSubstr("flat.npy: a table [N, D] is needed, got the shape [4]"));
  EXPECT_THAT(message_of([&] { check(put("t.csv", "x,y\n1,2\n3,four\n")); }),
              HasSubstr("line 3, column 1 (\"y\") is not a number"));
}

TEST_F(CheckTable, Stops) {
  const std::atomic<bool> stop{true};
  EXPECT_FALSE(check_table(put("a.csv", "x\n1\n2\n"), "", {}, stop).complete);
}

}  // namespace
}  // namespace monge::data
