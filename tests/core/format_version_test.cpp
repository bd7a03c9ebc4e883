#include "monge/core/format_version.h"

#include <gmock/gmock.h>

#include "tests/support/support.h"

namespace monge {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(FormatVersion, OthersAreRefusedWithWhatToDo) {
  const auto complaint = [](const std::string& found) {
    return testing::message_of([&] { require_format_version("a/manifest.json", "packed set", found, 3); });
  };
  EXPECT_NO_THROW(require_format_version("a", "packed set", "3", 3));
  EXPECT_THAT(complaint("4"), AllOf(HasSubstr("a newer monge wrote this packed set"), HasSubstr("a/manifest.json"),
                                    HasSubstr("format version 4"), HasSubstr("update monge")));
  for (const char* damaged : {"", "2", "-4", "4.5", "4x", "null", "99999999999999999999"})
    EXPECT_THAT(complaint(damaged), HasSubstr("copy the file again")) << damaged;
}

}  // namespace
}  // namespace monge
