#include "monge/io/text_encoding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monge/io/text_table.h"
#include "tests/support/support.h"

namespace monge::io {
namespace {

using namespace std::string_literals;
using ::testing::HasSubstr;

TEST(TextEncoding, NamesFilesThatAreNoText) {
  const auto message = [](const std::string& bytes) {
    return monge::testing::message_of([&] { parse_text_table(bytes, "x.csv"); });
  };
  EXPECT_THAT(message("\x1f\x8b\x08\0"s),
              HasSubstr("x.csv: is compressed with gzip, not text; give it the extension .gz"));
  EXPECT_THAT(message("\x93NUMPY\x01\0v\0"s),
              HasSubstr("x.csv: is a NumPy array, not text; give it the extension .npy"));
  EXPECT_THAT(message("PK\x03\x04\x14"s), HasSubstr("is a zip archive (such as .xlsx, .ods or .npz), not text"));
  EXPECT_THAT(message("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"s), HasSubstr("is an old spreadsheet (.xls)"));
  EXPECT_THAT(message("PAR1\x15 rows PAR1"s), HasSubstr("is a Parquet file"));
  EXPECT_THAT(message("\x89HDF\r\n\x1a\n"s), HasSubstr("is an HDF5 file"));
  EXPECT_NO_THROW(parse_text_table("PK,x\n1,2\n", "x.csv"));
  EXPECT_NO_THROW(parse_text_table("PAR1,PAR2\n1,2\n", "x.csv"));
}

}  // namespace
}  // namespace monge::io
