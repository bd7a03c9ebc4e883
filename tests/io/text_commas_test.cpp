#include "monge/io/text_commas.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monge/io/text_table.h"
#include "tests/io/text_tables.h"
#include "tests/support/support.h"

namespace monge::io {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(TextCommas, ThousandsAreNotTakenForDecimals) {
  const char* const both =
      "its comma can be a decimal mark or separate thousands, and no number in the table decides it, got \"76,571\"; "
      "if it is 76.571, set ?decimal=comma; if it is 76571, write thousands without commas";
  EXPECT_THAT(complaint_about("price,qty\n\"76,571\",0\n844,1\n\"-1,024\",2\n"),
              AllOf(HasSubstr("x.csv: line 2, column 0 (\"price\"): "), HasSubstr(both)));
  EXPECT_THAT(complaint_about("price;qty\n76,571;0\n844;1\n"), HasSubstr(both));
  EXPECT_THAT(complaint_about("price\tqty\n76,571\t0\n844\t1\n"), HasSubstr(both));
  EXPECT_THAT(complaint_about("76,571;0\n844;1\n"), HasSubstr("line 1, column 0 (counted from 0): its comma can be"));
  EXPECT_THAT(complaint_about("a,b\n\"1,000\",\"1,500\"\n\"2,000\",\"2,500\"\n"),
              HasSubstr("if it is 1.000, set ?decimal=comma; if it is 1000"));
  EXPECT_THAT(complaint_about("a;b\n1,234;5\n1,234,567;6\n"),
              HasSubstr("line 3, column 0 (\"a\"): commas separate thousands, got \"1,234,567\"; write thousands "
                        "without commas: 1234567"));
  EXPECT_THAT(complaint_about("a,b\n\"1,234,567\",1.5\n"), HasSubstr("write thousands without commas"));
}

TEST(TextCommas, OneProofSettlesIt) {
  const auto first = [](const std::string& text, const TextTableOptions& options = {}) {
    return read_text(text, options).values[0][0].item<double>();
  };
  EXPECT_EQ(first("a;b\n76,571;0\n844;1\n", {.decimal = "comma"}), 76.571);
  EXPECT_THAT(complaint_about("a;b\n76,571;0\n844;1\n", {.decimal = "point"}),
              HasSubstr("write thousands without them"));
  for (const char* proof : {"12,5", "0,123", "-0,500", "1234,567", "12,3456", "1,234e2", ",125", "1234"}) {
    EXPECT_EQ(first(std::string("a;b\n76,571;0\n") + proof + ";1\n"), 76.571) << proof;
  }
  EXPECT_EQ(first("a;b\n76,571;0\n844;0,5\n"), 76.571) << "in another column";
  EXPECT_THAT(complaint_about("a;b\n76,571;2019\n844;2020\n"), HasSubstr("can be a decimal mark"))
      << "a long whole number in another column is none";
  std::string late = "a;b\n";
  for (int i = 0; i < 300; ++i) late += "76,571;1\n";
  EXPECT_EQ(first(late + "12,5;1\n"), 76.571) << "beyond the rows by which the layout is found";
  EXPECT_EQ(read_text("a;b\n76,571;5\n844;1\n", {.columns = "b"}).values[0][0].item<double>(), 5)
      << "of a column that is not read nothing is asked";
}

TEST(TextCommas, PointsThatCouldBeThousandsAreTold) {
  const auto told = [](const std::string& text) {
    return read_text(text).reading.find("if the points separate thousands") != std::string::npos;
  };
  const auto table = read_text("price;qty\n76.571;0\n844;1\n57.362;2\n");
  EXPECT_EQ(table.values[0][0].item<double>(), 76.571);
  EXPECT_EQ(table.reading,
            "semicolons, decimal point (if the points separate thousands: remove them), header in line 1");
  EXPECT_TRUE(told("1.234,5\n5.678,6\n"));
  EXPECT_FALSE(told("price;qty\n76.571;0\n57.3;1\n"));
  EXPECT_FALSE(told("price;qty\n76.571;0\n0.362;1\n"));
  EXPECT_FALSE(told("price;qty\n76.571;0\n5;1\n")) << "one alone";
  EXPECT_FALSE(told("price;qty\n76.571;0\n57.362;0\n1200;1\n"));
}

}  // namespace
}  // namespace monge::io
