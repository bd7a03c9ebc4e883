#include "monge/core/quoting.h"

#include <gtest/gtest.h>

namespace monge {
namespace {

TEST(Quoting, EscapesWhatTomlAndJsonDoNotTake) {
  const std::string odd = "a\"b\\\n\x7f\xc3\xbc";
  EXPECT_EQ(toml_quoted(odd), R"("a\"b\\\u000a\u007f)"
                              "\xc3\xbc\"");
  EXPECT_EQ(json_quoted(odd), R"("a\"b\\\u000a)"
                              "\x7f\xc3\xbc\"");
  EXPECT_EQ(json_quoted("a\xff\x01"), R"("a?\u0001")");
}

}  // namespace
}  // namespace monge
