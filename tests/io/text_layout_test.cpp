#include "monge/io/text_layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monge/io/text_table.h"
#include "tests/io/text_tables.h"
#include "tests/support/support.h"

namespace monge::io {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(TextLayout, ReadsOneColumnOfR) {
  // write.table(data.frame(x = ...), sep = ",", quote = FALSE), and with its quotes.
  for (const char* text : {"x\n1,7\n2,14\n3,21\n", "\"x\"\n\"1\",7\n\"2\",14\n\"3\",21\n"}) {
    const auto table = read_text(text);
    EXPECT_THAT(table.names.columns, ElementsAre("x"));
    EXPECT_THAT(table.names.rows, ElementsAre("1", "2", "3"));
    EXPECT_EQ(table.values[1][0].item<double>(), 14);
    EXPECT_EQ(table.reading, "commas, header in line 1, index: the unnamed first column");
  }
  const auto warned = [](const std::string& text, const TextTableOptions& options = {}) {
    return !read_text(text, options).warnings.empty();
  };
  EXPECT_TRUE(warned("x\n1,7\n2,14\n3,21\n")) << "it could be 1.7, 2.14, 3.21";
  EXPECT_FALSE(warned("x\n1,7\n2,14\n3,21\n", {.separator = "comma", .decimal = "point"}));
  EXPECT_EQ(
      read_text("x\n1,7\n2,14\n3,21\n", {.separator = "semicolon", .decimal = "comma"}).values[1][0].item<double>(),
      2.14);
  EXPECT_FALSE(warned("\"x\"\n\"1\",7\n\"2\",14\n\"3\",21\n")) << "quotes settle it";
  EXPECT_FALSE(warned("x\n1,7.5\n2,14\n3,21\n")) << "and so does a point";
  EXPECT_THAT(read_text("\"x\"\n\"a\";7,5\n\"b\";14\n").names.rows, ElementsAre("a", "b")) << "write.csv2's separator";
  EXPECT_EQ(read_text("x\n1,7\n3,14\n").values[1][0].item<double>(), 3.14) << "no count: decimal commas";
  EXPECT_EQ(read_text("x\n2,7\n3,14\n").values[0][0].item<double>(), 2.7);
  EXPECT_EQ(read_text("x\n1,7\n").values[0][0].item<double>(), 1.7) << "one row counts nothing";
}

TEST(TextLayout, TakesNamesFromALoneComment) {
  // numpy.savetxt(header="a,b,c", delimiter=",").
  const auto table = read_text("# a,b,c\n0.5,1.5,2.5\n1,2,3\n");
  EXPECT_THAT(table.names.columns, ElementsAre("a", "b", "c"));
  EXPECT_EQ(table.values.size(0), 2);
  EXPECT_EQ(table.reading, "commas, names in line 1 after #");
  EXPECT_THAT(read_text("#t x\n0 1\n0.1 0.98\n").names.columns, ElementsAre("t", "x"))
      << "and so the first row is data, whole though it is";
  EXPECT_EQ(read_text("#t x\n0 1\n0.1 0.98\n").values.size(0), 2);
  EXPECT_EQ(read_text("# cell,x\na,1\nb,2\n").names.index, "cell");
  EXPECT_THAT(read_text("# mass\n1.5\n2.5\n").names.columns, ElementsAre("mass"));
  const auto nameless = [](const std::string& text, const TextTableOptions& options = {}) {
    return read_text(text, options).names.columns.empty();
  };
  EXPECT_TRUE(nameless("# a,b,c\n0.5,1.5,2.5\n", {.header = "no"}));
  EXPECT_TRUE(nameless("# a,b\n0.5,1.5,2.5\n"));
  EXPECT_TRUE(nameless("# a,a\n0.5,1.5\n"));
  EXPECT_TRUE(nameless("# 3,4\n0.5,1.5\n"));
  EXPECT_TRUE(nameless("#x1,0.7\nx2,0.5\nx3,1.5\n")) << "a row that was made a comment";
  EXPECT_TRUE(nameless("# measured by hand\n0.5\n1.5\n")) << "a sentence";
  EXPECT_TRUE(nameless("# made\n# a,b\n0.5,1.5\n")) << "two of them";
  for (const char* comment : {"# run 1", "# 2 columns", "# 2024-01-05 12:00", "# x, y", "# t 5"}) {
    EXPECT_TRUE(nameless(std::string(comment) + "\n0.5 1.5\n2.5 3\n")) << comment;
  }
  EXPECT_TRUE(nameless("# Created by foo, v1.2\n0.5,1.5\n"));
  EXPECT_TRUE(nameless("# units: m, s\n0.5,1.5\n"));
  EXPECT_THAT(read_text("# p,q\na,b\n0.5,1.5\n").names.columns, ElementsAre("a", "b")) << "a header goes before";
}

TEST(TextLayout, WarnsOfHeadersThatCouldBeRows) {
  EXPECT_THAT(read_text("0,1\n0.1,0.98\n0.2,0.97\n").warnings,
              ElementsAre(AllOf(HasSubstr("line 1 holds numbers and was read as the column names: \"0\", \"1\""),
                                HasSubstr("?header=no"))));
  EXPECT_THAT(read_text("3,17\n0.1,0.98\n").warnings, ElementsAre(HasSubstr("?header=no")));
  EXPECT_THAT(read_text("a,3,17\nb,0.5,1.5\n").warnings, ElementsAre(HasSubstr("?header=no")));
  EXPECT_THAT(read_text("0,1\n0.1,0.98\n", {.header = "yes"}).warnings, IsEmpty());
  EXPECT_EQ(read_text("0,1\n0.1,0.98\n", {.header = "no"}).values.size(0), 2);
  for (const char* text :
       {"0,1,2,3\n0.5,1.5,2.5,3.5\n", "2019,2020\n0.5,1.5\n", "2019\n0.5\n1.5\n", ",0,1\n0,0.5,1.5\n1,2.5,3.5\n",
        "\"0\",\"1\"\n5,7\n8,9\n", "400,402,404,406,408\n1,2,2,5,7\n", "x,y\n1,2\n"}) {
    EXPECT_THAT(read_text(text).warnings, IsEmpty()) << text;
  }
}

TEST(TextLayout, NumbersThatCannotBeReadAreNoIndex) {
  for (const char* entry : {"$1", "1%",
                            "\xe2\x88\x92"
                            "1.5",
                            "(1.5)", "1'001.5",
                            "1\xc2\xa0"
                            "001",
                            "1.000D-07", "1+1i"}) {
    const auto text = std::string("a,b\n") + entry + ",1\n" + entry + ",2\n";
    EXPECT_THAT(complaint_about(text), AllOf(HasSubstr("line 2, column 0 (\"a\") is not a number"),
                                             HasSubstr("?columns=b"), HasSubstr("?index=a")))
        << entry;
    EXPECT_THAT(read_text(text, {.index = "a"}).names.rows, ElementsAre(entry, entry));
    EXPECT_EQ(read_text(text, {.columns = "b"}).values.size(1), 1);
  }
  EXPECT_THAT(complaint_about("$1,1\n$2,2\n"), HasSubstr("line 1, column 0 (counted from 0) is not a number"));
  for (const char* entry : {"AAACCTG-1", "cell12", "2021-01-05", "12:01", "3-7", "10x"}) {
    EXPECT_THAT(read_text(std::string("a,b\n") + entry + ",1\n").names.rows, ElementsAre(entry));
  }
  EXPECT_THAT(read_text("a,b\n1%,1\nall,2\nsome,3\n").names.rows, ElementsAre("1%", "all", "some")) << "one of three";
}

}  // namespace
}  // namespace monge::io
