#include "monge/io/text_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <ctime>
#include <fstream>
#include <limits>
#include <random>

#include "monge/core/error.h"
#include "monge/io/csv.h"
#include "tests/io/damage.h"
#include "tests/io/text_tables.h"
#include "tests/support/support.h"

namespace monge::io {
namespace {

using namespace std::string_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Missing = TextTableOptions::Missing;

torch::Tensor table_of(std::vector<std::vector<double>> rows) {
  std::vector<torch::Tensor> out;
  for (const auto& row : rows) out.push_back(torch::tensor(row, torch::kFloat64));
  return torch::stack(out);
}

/// The file says this: its values, names and how it was understood.
void expect(const std::string& text, const std::vector<std::vector<double>>& values,
            const std::vector<std::string>& columns, const std::string& reading, const TextTableOptions& options = {}) {
  SCOPED_TRACE(text);
  Table table;
  ASSERT_NO_THROW(table = read_text(text, options));
  EXPECT_TRUE(torch::equal(table.values, table_of(values))) << table.values;
  EXPECT_THAT(table.names.columns, ::testing::ElementsAreArray(columns));
  EXPECT_EQ(table.reading, reading);
}

const std::vector<std::vector<double>> kValues = {{0.34, -1.093}, {-2.371, 1.157}, {0.5, 2}};

TEST(TextTable, ReadsEverySeparator) {
  const auto with = [](const std::string& s) {
    return "x" + s + "y\n0.34" + s + "-1.093\n-2.371" + s + "1.157\n0.5" + s + "2\n";
  };
  expect(with(","), kValues, {"x", "y"}, "commas, header in line 1");
  expect(with(";"), kValues, {"x", "y"}, "semicolons, header in line 1");
  expect(with("\t"), kValues, {"x", "y"}, "tabs, header in line 1");
  expect(with("|"), kValues, {"x", "y"}, "separator \"|\", header in line 1");
  expect(with(" "), kValues, {"x", "y"}, "blanks, header in line 1");
  expect("  0.34   -1.093  \n-2.371 \t1.157\n0.5 2", kValues, {}, "blanks, no header");
  expect(" 0.34 , -1.093 \n -2.371 , +1.157 \n 5E-1,2", kValues, {}, "commas, no header");
  expect("sep=;\r\nx;y\r\n1;2\r\n3;4\r\n", {{1, 2}, {3, 4}}, {"x", "y"}, "semicolons, header in line 2");
}

TEST(TextTable, TheSeparatorIsWhatAllRowsAgreeOn) {
  expect("time (s; UTC),value\n1.5,2\n3,4.5\n", {{1.5, 2}, {3, 4.5}}, {"time (s; UTC)", "value"},
         "commas, header in line 1");
  expect("\"a,b\";\"c\"\n1,5;2\n3;4,5\n", {{1.5, 2}, {3, 4.5}}, {"a,b", "c"},
         "semicolons, decimal comma, header in line 1");
  const auto genes = read_text("gene,x\nENSG1|TP53;a,1.5\nENSG2|MYC;b,2\n");
  EXPECT_THAT(genes.names.rows, ElementsAre("ENSG1|TP53;a", "ENSG2|MYC;b")) << "letters of names that every row has";
  expect("x, y\n1.5, 2\n", {{1.5, 2}}, {"x", "y"}, "commas, header in line 1");
}

TEST(TextTable, ReadsDecimalCommas) {
  expect("x;y\n0,34;-1,093\n-2,371;1,157\n0,5;2\n", kValues, {"x", "y"}, "semicolons, decimal comma, header in line 1");
  expect("0,34\t-1,093\n-2,371\t1,157\n5e-1\t2\n", kValues, {}, "tabs, decimal comma, no header");
  expect("x,y\n\"0,34\",\"-1,093\"\n\"-2,371\",\"1,157\"\n\"0,5\",2\n", kValues, {"x", "y"},
         "commas, decimal comma, header in line 1");
  expect("x\n0,34\n-2,371\n5\n", {{0.34}, {-2.371}, {5}}, {"x"}, "one column, decimal comma, header in line 1");
  EXPECT_THAT(complaint_about("x;y\n0,5;1\n1.234,5;2\n"),
              AllOf(HasSubstr("line 3, column 0 (\"x\") is not a number, got \"1.234,5\"")));
  EXPECT_THAT(complaint_about("1.234,5;2\n3;4\n"),
              HasSubstr("line 1, column 0 (counted from 0) is not a number, got \"1.234,5\""))
      << "neither a header";
  EXPECT_THAT(complaint_about("x,y\n1e400,2\n"),
              HasSubstr("line 2, column 0 (\"x\") is too large for a double, got \"1e400\""))
      << "nor an index";
  EXPECT_THAT(complaint_about("1e400,2\n"), HasSubstr("is too large for a double, got \"1e400\""));
  EXPECT_THAT(complaint_about("x;y\n0,5;1\n0,25;1\n" + std::string(99 * 6, ' ') + "\n1.234;2\n", {.decimal = "comma"}),
              AllOf(HasSubstr("\"1.234\""), HasSubstr("?decimal=point")));
  EXPECT_THAT(complaint_about("x;y\n0.5;1\n1,234;2\n"),
              AllOf(HasSubstr("\"1,234\""), HasSubstr("thousands"), HasSubstr("?decimal=comma")));
}

TEST(TextTable, ReadsWhatPandasWrites) {
  // DataFrame.to_csv(), with index=False, with a named index, with column numbers, and a header that is no row.
  const auto indexed = read_text(",x,y\n0,-0.6615,-0.8131\n1,-1.181,-1.2925\n");
  EXPECT_TRUE(torch::equal(indexed.values, table_of({{-0.6615, -0.8131}, {-1.181, -1.2925}})));
  EXPECT_THAT(indexed.names.columns, ElementsAre("x", "y"));
  EXPECT_THAT(indexed.names.rows, ElementsAre("0", "1"));
  EXPECT_EQ(indexed.names.index, "");
  EXPECT_EQ(indexed.reading, "commas, header in line 1, index: the unnamed first column");
  expect("0,1\n-0.5504,1.1136\n0.311,-0.8064\n", {{-0.5504, 1.1136}, {0.311, -0.8064}}, {"0", "1"},
         "commas, header in line 1 (numbers as names)");
  expect(",0,1\n0,5,7\n1,8,9\n", {{5, 7}, {8, 9}}, {"0", "1"},
         "commas, header in line 1 (numbers as names), index: the unnamed first column");
  expect("0\n-0.5504\n0.311\n", {{0}, {-0.5504}, {0.311}}, {},
         "one column, no header (if the first row holds names: ?header=yes)");
  expect("Unnamed: 0,x\n0,1.5\n1,2.5\n", {{1.5}, {2.5}}, {"x"}, "commas, header in line 1, index \"Unnamed: 0\"");
  const auto named = read_text("cell,x,y\nAAAC-1,1,2\nTTTG-1,3,4\n");
  EXPECT_THAT(named.names.rows, ElementsAre("AAAC-1", "TTTG-1"));
  EXPECT_EQ(named.names.index, "cell");
  EXPECT_EQ(named.reading, "commas, header in line 1, index \"cell\"");
}

TEST(TextTable, ReadsWhatRWrites) {
  // write.table(quote = FALSE), write.csv, and write.table with its quotes; numbers as row names.
  const auto plain = read_text("x y\n1 -1.219 0.580\n2 -1.094 0.470\n");
  EXPECT_TRUE(torch::equal(plain.values, table_of({{-1.219, 0.58}, {-1.094, 0.47}})));
  EXPECT_THAT(plain.names.columns, ElementsAre("x", "y"));
  EXPECT_THAT(plain.names.rows, ElementsAre("1", "2"));
  const auto quoted = read_text("\"\",\"x\",\"y\"\n\"a\",-1.219,0.58\n\"b\",-1.094,0.47\n");
  EXPECT_TRUE(torch::equal(quoted.values, plain.values));
  EXPECT_THAT(quoted.names.rows, ElementsAre("a", "b"));
  EXPECT_THAT(read_text("\"x\" \"y\"\n\"1\" -1.219 0.58\n\"2\" -1.094 0.47\n").names.rows, ElementsAre("1", "2"));
  // Names that are numbers, in quotes over numbers without.
  expect("\"2019\",\"2020\"\n5,7\n2019,9\n", {{5, 7}, {2019, 9}}, {"2019", "2020"},
         "commas, header in line 1 (numbers as names)");
  expect("0 1\n1 0.5 7\n2 0.25 8\n", {{0.5, 7}, {0.25, 8}}, {"0", "1"},
         "blanks, header in line 1 (numbers as names), index: the unnamed first column");
  expect("x,y\nTRUE,FALSE\nFALSE,TRUE\n", {{1, 0}, {0, 1}}, {"x", "y"}, "commas, header in line 1");
}

TEST(TextTable, TellsHeadersOfNumbersFromData) {
  const auto header = [](const std::string& text) {
    const auto table = read_text(text);
    return !table.names.columns.empty();
  };
  EXPECT_TRUE(header("2019,2020,2021\n0.5,0.25,7.5\n1.5,2.5,0.125\n"));
  EXPECT_TRUE(header("2019,2020,2021\n5,7,8\n9,10,11\n")) << "years over counts";
  EXPECT_TRUE(header("400,402,404,406,408\n1,2,2,5,7\n3,2,5,2,1\n")) << "wavelengths";
  EXPECT_TRUE(header("400.5,401,401.5,402,402.5\n1.5,2.25,2,5,7\n")) << "wavelengths with fractions";
  EXPECT_TRUE(header("0,1,2\n0.5,3,4.5\n1.5,4,2.5\n")) << "numbers of columns, one of which is whole";
  EXPECT_TRUE(header("cell,2019,2020\na,0.5,1.5\nb,2.5,3.5\n"));
  EXPECT_TRUE(header("2019\n0.5\n1.5\n")) << "one year";
  EXPECT_TRUE(header(",2019\n0,5\n1,7\n")) << "after an unnamed index, over counts";
  EXPECT_TRUE(header("cell,0,1\nA,5,7\nB,8,9\n"));
  EXPECT_FALSE(header("0.5,1\n2,0.25\n"));
  EXPECT_FALSE(header("0.0,1.0\n0.5,0.25\n"));
  EXPECT_FALSE(header("5,7\n8,9\n"));
  EXPECT_FALSE(header("3,7\n0.5,9\n")) << "whole by chance over whole";
  EXPECT_FALSE(header("0,1,2,3,4\n5,6,7,8,9\n")) << "numpy.arange(10).reshape(2, 5)";
  EXPECT_FALSE(header("2,4,6,8,10\n3,6,9,12,15\n"));
  EXPECT_FALSE(header("2019,2020\n2021,2022\n")) << "years as data";
  EXPECT_FALSE(header("5\n5.25\n6.5\n"));
  EXPECT_FALSE(header("0\n1\n2\n"));
  EXPECT_FALSE(header("True,False\nFalse,True\n"));
  EXPECT_FALSE(header("AAAC-0,5,7\nAAAC-1,8,9\n"));
  EXPECT_FALSE(header("1,2\n"));
  EXPECT_EQ(read_text("0,1,2\n5,7,9\n4,4,4\n").reading,
            "commas, no header (if the first row holds names: ?header=yes)");
  EXPECT_EQ(read_text("5,7\n8,9\n").reading, "commas, no header");
}

TEST(TextTable, OptionsOverruleWhatIsFound) {
  expect("0,1\n0.5,0.25\n", {{0, 1}, {0.5, 0.25}}, {}, "commas, no header", {.header = "no"});
  expect("5,7\n8,9\n", {{8, 9}}, {"5", "7"}, "commas, header in line 1 (numbers as names)", {.header = "yes"});
  expect("12 34\n56 78\n", {{12, 34}, {56, 78}}, {}, "blanks, no header", {.separator = "blank"});
  expect("id,x\n7,1.5\n9,2.5\n", {{1.5}, {2.5}}, {"x"}, "commas, header in line 1, index \"id\"", {.index = "id"});
  expect("7,1.5\n9,2.5\n", {{7}, {9}}, {}, "commas, no header, index: column 1", {.index = "1"});
  expect(",x\n0,1.5\n1,2.5\n2,7\n", {{0, 1.5}, {1, 2.5}, {2, 7}}, {"", "x"},
         "commas, header in line 1, column 0 (\"\") counts the rows: ?index=0 leaves it out", {.index = "none"});
  EXPECT_THAT(complaint_about("x y\n1 2 3\n2 3 4\n", {.index = "none"}), HasSubstr("has 2 names for rows of 3 fields"));
  EXPECT_THAT(complaint_about("x,y\n1,2\n", {.index = "z"}),
              HasSubstr("no such column, got \"z\" (allowed: \"x\", \"y\")"));
  EXPECT_THAT(complaint_about("x,y\n1,2\n", {.header = "maybe"}),
              HasSubstr("header cannot be used, got \"maybe\" (allowed: auto, yes, no)"));
}

TEST(TextTable, ChoosesColumns) {
  const std::string text = "cell,type,a,b-c,d\nAA,T,1,2,3\nBB,B,4,5,6\n";
  const auto choose = [&](const std::string& columns, const std::string& index = "") {
    return read_text(text, {.index = index, .columns = columns});
  };
  const auto table = choose("d,a");
  EXPECT_TRUE(torch::equal(table.values, table_of({{3, 1}, {6, 4}})));
  EXPECT_THAT(table.names.columns, ElementsAre("d", "a"));
  EXPECT_THAT(table.names.rows, ElementsAre("AA", "BB"));
  EXPECT_EQ(table.reading, "commas, header in line 1, index \"cell\", 2 of 4 columns chosen");
  EXPECT_THAT(choose("a-d").names.columns, ElementsAre("a", "b-c", "d"));
  EXPECT_THAT(choose("b-c-d").names.columns, ElementsAre("b-c", "d")) << "a hyphen within a name";
  EXPECT_THAT(choose("2-4").names.columns, ElementsAre("a", "b-c", "d"));
  EXPECT_THAT(choose("a", "type").names.rows, ElementsAre("T", "B"));
  EXPECT_THAT(complaint_about(text), AllOf(HasSubstr("x.csv: line 2, column 1 (\"type\") is not a number, got \"T\""),
                                           HasSubstr("?columns=")));
  EXPECT_THAT(complaint_about("type,a,b\nT,1,2\n1,3,4\n"),
              HasSubstr("choose the columns of numbers: ?columns=a-b, or use it as the row names: ?index=type"));
  EXPECT_THAT(complaint_about(text, {.columns = "a,e"}),
              AllOf(HasSubstr("no such column, got \"e\""), HasSubstr("\"b-c\"")));
  EXPECT_THAT(complaint_about(text, {.columns = "a,a"}), HasSubstr("has column 2 (\"a\") twice"));
  EXPECT_THAT(complaint_about(text, {.columns = "d-a"}), HasSubstr("runs backwards"));
  EXPECT_THAT(complaint_about(text, {.columns = "a,"}), HasSubstr("not a choice of columns"));
  EXPECT_THAT(complaint_about(text, {.columns = "\"a"}), HasSubstr("an unclosed quote"));
  EXPECT_THAT(complaint_about(text, {.columns = "5"}), HasSubstr("no such column"));
  EXPECT_THAT(complaint_about(text, {.index = "a", .columns = "a"}),
              HasSubstr("chosen as the index and as a column of numbers"));
  expect("\"a,b\",\"say \"\"x\"\"\"\n1,2\n3,4\n", {{2, 1}, {4, 3}}, {"say \"x\"", "a,b"}, "commas, header in line 1",
         {.columns = "\"say \"\"x\"\"\",\"a,b\""});
  expect("x,x\n1,2\n", {{2}}, {"x"}, "commas, header in line 1, 1 of 2 columns chosen", {.columns = "1"});
  EXPECT_THAT(complaint_about("x,x\n1,2\n", {.columns = "x"}),
              HasSubstr("2 columns have the name \"x\"; choose by number, the first is 0"));
  // Where names are numbers, numbers are names.
  expect("2,1,0\n0.5,1.5,2.5\n", {{2.5}}, {"0"}, "commas, header in line 1 (numbers as names), 1 of 3 columns chosen",
         {.header = "yes", .columns = "0"});
  EXPECT_THAT(complaint_about("5,6,7\n0.5,1.5,2.5\n", {.header = "yes", .columns = "0"}),
              HasSubstr("no such column, got \"0\" (allowed: \"5\", \"6\", \"7\")"));
  EXPECT_THAT(complaint_about("a,b\nc,d\n"), HasSubstr("is not a number"));
}

TEST(TextTable, NamesMissingValuesByLineAndColumn) {
  const auto missing = [](const std::string& word) { return "x,y\n1,2\n3," + word + "\n5,6\n"; };
  for (const char* word :
       {"", "NA", "NaN", "nan", "-NaN", "null", "NULL", "None", "N/A", "#N/A", "#DIV/0!", "\\N", ".", "?", "<NA>"}) {
    EXPECT_THAT(complaint_about(missing(word)),
                AllOf(HasSubstr("x.csv: line 3, column 1 (\"y\"): a value is missing"), HasSubstr("?missing=drop")))
        << word;
    expect(missing(word), {{1, 2}, {5, 6}}, {"x", "y"},
           "commas, header in line 1, 1 of 3 rows left out for missing values", {.missing = Missing::drop});
    const auto kept = read_text(missing(word), {.missing = Missing::keep}).values;
    EXPECT_TRUE(kept[1][1].isnan().item<bool>() && kept.size(0) == 3) << word;
  }
  EXPECT_THAT(complaint_about("1,2\n,3\n"),
              HasSubstr("line 2, column 0 (counted from 0): a value is missing, got \"\""));
  expect("cell,x,y\na,1,NA\nb,2,3\n", {{1}, {2}}, {"x"},
         "commas, header in line 1, index \"cell\", 1 of 2 columns chosen", {.columns = "x"});
  const auto dropped = read_text("cell,x\na,1\nb,NA\nc,3\n", {.missing = Missing::drop});
  EXPECT_THAT(dropped.names.rows, ElementsAre("a", "c"));
  EXPECT_THAT(complaint_about("x\nNA\nNA\n", {.missing = Missing::drop}),
              HasSubstr("has no row of numbers without a missing value among its 2"));
  // A row of a spreadsheet's faults is no comment.
  EXPECT_THAT(complaint_about("x,y\n1,2\n#N/A,3\n"),
              HasSubstr("line 3, column 0 (\"x\"): a value is missing, got \"#N/A\""));
}

TEST(TextTable, ReadsNumbersToTheLastBit) {
  const auto read_one = [](const std::string& digits) {
    return read_text("x\n" + digits + "\n").values.item<double>();
  };
  EXPECT_EQ(read_one("0.1"), 0.1);
  EXPECT_EQ(read_one("1700000000.123456789"), 1700000000.123456789);
  EXPECT_EQ(read_one("9007199254740993"), 9007199254740992.0);
  EXPECT_EQ(read_one("4.9e-324"), 4.9e-324);
  EXPECT_EQ(read_one("1e-400"), 0);
  EXPECT_EQ(read_one("1e-9999999"), 0);
  EXPECT_EQ(read_one("-1.7976931348623157e308"), -std::numeric_limits<double>::max());
  EXPECT_EQ(read_one("+2"), 2);
  EXPECT_EQ(read_one("-inf"), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(read_one("Infinity"), std::numeric_limits<double>::infinity());
  for (const char* word : {"0x10", "1e", "--1", "+-1", "1 2", "1_000", "12%"}) {
    EXPECT_THAT(complaint_about("x,y\n1,2\n3,"s + word + "\n"),
                HasSubstr("line 3, column 1 (\"y\") is not a number, got \""s + word))
        << word;
  }
  for (const char* word : {"1e309", "-1e400", "1e400000000000"}) {
    EXPECT_THAT(complaint_about("x,y\n1,2\n3,"s + word + "\n"),
                HasSubstr("line 3, column 1 (\"y\") is too large for a double, got \""s + word))
        << word;
  }
  // R, pandas and a spreadsheet of the same numbers.
  const auto pandas = read_text(",x,y\n0,0.1,1700000000.5\n1,3.3333333333333335,-2e-05\n").values;
  EXPECT_TRUE(
      torch::equal(read_text("\"x\" \"y\"\n\"1\" 0.1 1700000000.5\n\"2\" 3.3333333333333335 -2e-05\n").values, pandas));
  EXPECT_TRUE(torch::equal(read_text("x;y\r\n0,1;1700000000,5\r\n3,3333333333333335;-0,00002\r\n").values, pandas));
  EXPECT_TRUE(torch::equal(read_text("\xff\xfe"s +
                                     [] {
                                       std::string wide;
                                       for (const char letter :
                                            "x\ty\r\n0.1\t1700000000.5\r\n3.3333333333333335\t-2E-05\r\n"s)
                                         wide += {letter, '\0'};
                                       return wide;
                                     }())
                               .values,
                           pandas));
}

TEST(TextTable, ReadsQuotesLineEndsAndComments) {
  expect("\"x\"\"y\",\"a\nb\"\r\n1,2\r\n3,\"4\"\r\n", {{1, 2}, {3, 4}}, {"x\"y", "a\nb"}, "commas, header in line 1");
  expect("x,y\r1,2\r3,4\r", {{1, 2}, {3, 4}}, {"x", "y"}, "commas, header in line 1");
  expect("# made by hand, twice\n\nx y\n\n1 -2.5\n  # half\n0 3e4\n\n", {{1, -2.5}, {0, 3e4}}, {"x", "y"},
         "blanks, header in line 3, 2 lines with # left out");
  expect("x,y,\n1,2,\n3,4,\n", {{1, 2}, {3, 4}}, {"x", "y"}, "commas, header in line 1, a separator ends each row");
  expect("x,y\n1,2,\n3,4,\n", {{1, 2}, {3, 4}}, {"x", "y"}, "commas, header in line 1, a separator ends each row");
  EXPECT_THAT(complaint_about("a,b\n1,2\n3,\"4\n5,6\n"), HasSubstr("x.csv line 3: a quoted field has no end"));
  EXPECT_THAT(complaint_about("a,b\n1,2\n\n3,\"4\"5\n"), HasSubstr("x.csv line 4: text follows a quoted field"));
  EXPECT_THAT(complaint_about("a,b\n\"1\",\"2\"\n\"x\ny\",3\n1,q\n"), HasSubstr("line 3, column 0"));
  EXPECT_THAT(complaint_about("a,b\n1,2\n\"3\n\",4\n1,q\n"),
              HasSubstr("line 3, column 0 (\"a\") is not a number, got \"3\\x0a\""));
}

TEST(TextTable, ReadsEncodings) {
  expect("\xef\xbb\xbfx,y\n1,2\n", {{1, 2}}, {"x", "y"}, "commas, header in line 1");
  const std::string text = "\xe4\xb8\xad,y\n1,2\n";
  const auto wide = [&](bool big, bool mark) {
    std::string out = mark ? (big ? "\xfe\xff"s : "\xff\xfe"s) : ""s;
    const std::u16string letters = u"\u4e2d,y\n1,2\n";
    for (const char16_t letter : letters) {
      const auto low = static_cast<char>(letter & 0xff), high = static_cast<char>(letter >> 8);
      out += big ? std::string{high, low} : std::string{low, high};
    }
    return out;
  };
  for (const bool big : {false, true})
    expect(wide(big, true), {{1, 2}}, {"\xe4\xb8\xad", "y"}, "UTF-16, commas, header in line 1");
  expect("x\0,\0y\0\n\0001\0,\0002\0\n\0"s, {{1, 2}}, {"x", "y"}, "UTF-16, commas, header in line 1");
  expect(
      "Gr\xf6\xdf"
      "e,Preis \x80\n1,2\n",
      {{1, 2}},
      {"Gr\xc3\xb6\xc3\x9f"
       "e",
       "Preis \xe2\x82\xac"},
      "commas, header in line 1, names read as Windows-1252");
  EXPECT_THAT(complaint_about("\xff\xfe"
                              "1\0,\0\x00\xdc"s),
              HasSubstr("x.csv: is not valid UTF-16 at byte 6"));
  EXPECT_THAT(complaint_about("\xff\xfe"
                              "1\0,\0002"s),
              HasSubstr("x.csv: is not valid UTF-16 at byte 6"));
}

TEST(TextTable, RowsMustFit) {
  EXPECT_THAT(complaint_about("# n\n1,2\n\n1,2,3\n"),
              HasSubstr("x.csv line 4: has 3 fields, the first row has 2; every row must have the same number"));
  EXPECT_THAT(complaint_about("x,y\n1,2\n1,2\n1\n"),
              HasSubstr("x.csv line 4: has 1 field, the header (line 1) requires 2"));
  EXPECT_THAT(
      complaint_about("x,y,z\n1,2\n3,4\n"),
      AllOf(HasSubstr("the header (line 1) has 3 names and the row below it 2 fields"), HasSubstr("header=no")));
  EXPECT_THAT(complaint_about("x,y\n0,34,-1,093\n-2,371,1,157\n"),
              HasSubstr("with decimal commas, use a separator other than the comma"));
  EXPECT_THAT(complaint_about("x,y\n# only this\n"),
              HasSubstr("x.csv: has no row of numbers below its header (line 1)"));
  EXPECT_THAT(complaint_about(""), HasSubstr("x.csv: has no row of numbers"));
  EXPECT_THAT(complaint_about("1,two\n"),
              HasSubstr("x.csv: line 1, column 1 (counted from 0) is not a number, got \"two\""));
  EXPECT_THAT(complaint_about("x,y\n1,2,\n3,4,\n" +
                              [] {
                                std::string rows;
                                for (int i = 0; i < 120; ++i) rows += "5,6,\n";
                                return rows;
                              }() +
                              "7,8,9\n"),
              HasSubstr("line 124: field 2 (counted from 0) holds \"9\", but in the first rows nothing follows"));
}

TEST(TextTable, TellsAColumnThatCountsTheRows) {
  EXPECT_EQ(read_text("id,x,y\n0,5,1\n1,7,2\n2,9,8\n").reading,
            "commas, header in line 1, column 0 (\"id\") counts the rows: ?index=id leaves it out");
  EXPECT_EQ(read_text("1,5.5\n2,7\n3,9\n").reading,
            "commas, no header, column 0 (counted from 0) counts the rows: ?index=0 leaves it out");
}

TEST(TextTable, WarnsOfWholeNumbersBeyondDouble) {
  const auto table =
      read_text("id,x\n9007199254740991,1\n9007199254740993,2\n9007199254740994,3\n-9007199254740995,4\n");
  EXPECT_EQ(table.values[1][0].item<double>(), 9007199254740992.0);
  EXPECT_THAT(table.warnings, ElementsAre("2 of its 8 values are whole numbers that float64 does not hold exactly, the "
                                          "first in line 3, column 0 (\"id\"): "
                                          "9007199254740993 becomes 9007199254740992"));
  EXPECT_THAT(read_text("x;y\n9007199254740993;0,5\n").warnings, ::testing::SizeIs(1)) << "with decimal commas";
  EXPECT_THAT(read_text("x,y\n1e300,9007199254740992\n00018014398509481984,1e16\n").warnings, ::testing::IsEmpty());
}

TEST(TextTable, WarnsOfAnIndexThatRepeats) {
  EXPECT_THAT(read_text("flag,a\nyes,1\nno,2\nyes,3\n").warnings,
              ElementsAre(HasSubstr("column 0 (\"flag\") is text and was read as the row names, but its 3 "
                                    "entries have only 2 values")));
  EXPECT_THAT(read_text("flag,a\nyes,1\nno,2\nyes,3\n", {.index = "flag"}).warnings, ::testing::IsEmpty());
  EXPECT_THAT(read_text(",a\nyes,1\nno,2\nyes,3\n").warnings, ::testing::IsEmpty()) << "an unnamed column is an index";
  EXPECT_THAT(read_text("day,a\n2021-01-05,1\n2021-01-06,2\n").warnings, ::testing::IsEmpty());
}

TEST(TextTable, WarnsOfRowsThatAreCommentedOut) {
  const auto table = read_text("id,b\nx0,0\n#1,3\nx2,6\n#3,2\nx4,5\n");
  EXPECT_THAT(table.names.rows, ElementsAre("x0", "x2", "x4"));
  EXPECT_THAT(table.warnings,
              ElementsAre(HasSubstr("2 lines that begin with # have as many fields as the 3 rows and were left out")));
  EXPECT_THAT(read_text("0.5,1\n#2,3\n4,5.5\n#6,7\n").warnings, ::testing::SizeIs(1)) << "without a header";
  EXPECT_THAT(read_text("id,b\nx0,0\n\"#1\",3\nx2,6\n").names.rows, ElementsAre("x0", "#1", "x2"));
  EXPECT_THAT(read_text("id,b\nx0,0\n#1,3\nx2,6\nx4,5\n").warnings, ::testing::IsEmpty()) << "one alone";
  EXPECT_THAT(read_text("a b\n1 2\n# half\n3 4\n# by hand\n5 6\n").warnings, ::testing::IsEmpty()) << "sentences";
  std::string many = "id,b\n#1,3\n#2,4\n";
  for (int i = 0; i < 40; ++i) many += "x" + std::to_string(i) + ",1\n";
  EXPECT_THAT(read_text(many).warnings, ::testing::IsEmpty()) << "2 of 42";
}

TEST(TextTable, ReadsGzip) {
  const monge::testing::ScratchFolder scratch;
  const auto write = [&](const std::string& text, const char* mode = "wb") {
    const auto file = gzopen((scratch / "x.csv.gz").c_str(), mode);
    gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
    gzclose(file);
  };
  write("x,y\n1,2\n");
  write("3,4\n", "ab");  // a second member
  EXPECT_TRUE(torch::equal(read_text_table(scratch / "x.csv.gz").values, table_of({{1, 2}, {3, 4}})));
  const auto message = [&] { return monge::testing::message_of([&] { read_text_table(scratch / "x.csv.gz"); }); };
  const auto whole = [&] {
    write("x,y\n" + csv_text(torch::randn({1000, 2})));
    std::ifstream file(scratch / "x.csv.gz", std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }();
  std::ofstream(scratch / "x.csv.gz", std::ios::binary) << whole.substr(0, whole.size() / 2);
  EXPECT_THAT(message(), AllOf(HasSubstr("x.csv.gz"), HasSubstr("damaged or cut short")));
  auto bad = whole;
  bad[bad.size() - 6] ^= 1;  // its checksum
  std::ofstream(scratch / "x.csv.gz", std::ios::binary) << bad;
  EXPECT_THAT(message(), HasSubstr("damaged or cut short"));
  std::ofstream(scratch / "x.csv.gz", std::ios::binary) << "x,y\n1,2\n";  // named so, but not compressed
  EXPECT_TRUE(torch::equal(read_text_table(scratch / "x.csv.gz").values, table_of({{1, 2}})));
}

TEST(TextTable, SurvivesDamage) {
  const auto parse = [](const std::string& bytes) { parse_text_table(bytes, "damaged"); };
  EXPECT_GT(monge::testing::refuses_damage(",\"x\",y\n" + csv_text(torch::randn({5, 3})), 4000, parse), 1000);
  EXPECT_GT(monge::testing::refuses_damage("\"a;\";b\n1,5;2\n3;\"4,5\"\n6;7\n", 4000, parse), 1000);
  EXPECT_GT(monge::testing::refuses_damage("\xff\xfe"
                                           "x\0,\0y\0\n\0001\0,\0002\0\n\0"s,
                                           2000, parse),
            500);
}

// Every letter that means something, in any order: no crash, no hang.
TEST(TextTable, SurvivesNoise) {
  std::mt19937_64 random(7);
  const std::string letters = "\",;|\t \n\r#0123456789.eE+-nNaAxyinftruelsXX\0\xff"s;
  for (int round = 0; round < 20'000; ++round) {
    std::string text(random() % 60, ' ');
    for (auto& letter : text) letter = letters[random() % letters.size()];
    TextTableOptions options;
    options.missing = static_cast<Missing>(random() % 3);
    if (random() % 3 == 0) options.header = random() % 2 ? "yes" : "no";
    if (random() % 4 == 0) options.index = random() % 2 ? "none" : "0";
    if (random() % 4 == 0) options.columns = random() % 2 ? "1,0" : "x";
    try {
      const auto table = parse_text_table(text, "noise", options);
      ASSERT_TRUE(table.names.columns.empty() ||
                  static_cast<int64_t>(table.names.columns.size()) == table.values.size(1));
      ASSERT_TRUE(table.names.rows.empty() || static_cast<int64_t>(table.names.rows.size()) == table.values.size(0));
      table.values.sum();
    } catch (const Error&) {
    }
  }
}

TEST(TextTable, TakesLinearTime) {
  const auto seconds = [](const std::string& text) {
    const auto began = std::clock();  // the processor's time, which does not depend on what else runs
    try {
      parse_text_table(text, "x");
    } catch (const Error&) {
    }
    return static_cast<double>(std::clock() - began) / CLOCKS_PER_SEC;
  };
  const auto repeated = [](const std::string& piece, size_t times) {
    std::string out;
    for (size_t i = 0; i < times; ++i) out += piece;
    return out;
  };
  EXPECT_LT(seconds(csv_text(torch::randn({100'000, 10}))), 5);  // 0.05 s on a free core
  EXPECT_LT(seconds(repeated("1,", 1'000'000) + "1\n" + repeated("2,", 1'000'000) + "2\n"), 10);  // a million columns
  EXPECT_LT(seconds("a,b\n" + repeated("\"x\n", 1'000'000)), 10);          // quotes that match too late
  EXPECT_LT(seconds("a,b\n1,\"" + repeated("2,3\n", 2'000'000)), 10);      // a quote that never closes
  EXPECT_LT(seconds("a,b\n1," + std::string(5'000'000, '9') + "\n"), 10);  // a field of 5 MB
  EXPECT_LT(seconds(std::string(5'000'000, '\0')), 10);
  EXPECT_LT(seconds(repeated("#\n", 1'000'000)), 10);
}

}  // namespace
}  // namespace monge::io
