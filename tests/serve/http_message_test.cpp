#include "monge/serve/http_message.h"

#include <gmock/gmock.h>

#include "tests/support/support.h"

namespace monge::serve {
namespace {

using monge::testing::message_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string fault_of(std::string_view target) {
  Request request;
  const auto complaint = read_target(target, request);
  return complaint ? complaint->what : "";
}

TEST(HttpMessage, ATargetIsDecodedSegmentBySegment) {
  Request request;
  EXPECT_FALSE(read_target("/v1/models/a%20b%2Fc?x=1%262&y=a+b&x=3&=4&z", request));
  EXPECT_THAT(request.path, ElementsAre("v1", "models", "a b/c"));
  EXPECT_EQ(request.query, (std::map<std::string, std::string>{{"x", "3"}, {"y", "a b"}, {"z", ""}}));
  Request root;
  EXPECT_FALSE(read_target("/", root));
  EXPECT_TRUE(root.path.empty());
}

TEST(HttpMessage, BadTargetsAreNamed) {
  EXPECT_THAT(fault_of("http://example.org/"), HasSubstr("begins with /"));
  EXPECT_THAT(fault_of(""), HasSubstr("begins with /"));
  EXPECT_THAT(fault_of("/a%2"), HasSubstr("hexadecimal"));
  EXPECT_THAT(fault_of("/a?b=%zz"), HasSubstr("hexadecimal"));
  EXPECT_THAT(fault_of("/a%00b"), HasSubstr("control"));
  EXPECT_THAT(fault_of("/a?b=%0d%0a"), HasSubstr("control"));
  EXPECT_THAT(fault_of("/" + std::string(9000, 'a')), HasSubstr("8192"));
}

TEST(HttpMessage, FormsAreReadByTheirBoundary) {
  const std::string type = "multipart/form-data; boundary=\"x y\"";
  const auto whole =
      "--x y\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x y\r\nContent-Type: image/PNG; q=1\r\n" +
      std::string("Content-Disposition: form-data; name=\"file\"; filename=\"a;\\\"b.png\"\r\n\r\n") +
      std::string(1, '\0') + "\r\n--\r\n--x y--\r\n";
  const auto parts = form_parts(type, whole);
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(parts[0].name, "a");
  EXPECT_EQ(parts[0].content, "1");
  EXPECT_EQ(parts[1].file_name, "a;\"b.png");
  EXPECT_EQ(parts[1].type, "image/png");
  EXPECT_EQ(parts[1].content, std::string(1, '\0') + "\r\n--");
  EXPECT_THAT(message_of([&] { form_parts("multipart/form-data", whole); }), HasSubstr("no boundary"));
  for (size_t length = 0; length + 6 < whole.size(); ++length)
    EXPECT_THAT(message_of([&] { form_parts(type, whole.substr(0, length)); }), HasSubstr("multipart")) << length;
}

TEST(HttpMessage, ErrorsLeaveOutWhatIsEmpty) {
  const auto response = error_response(400, Complaint{.what = "bad\xff", .fix = "mend it"});
  EXPECT_EQ(response.body, "{\"error\":{\"what\":\"bad\xEF\xBF\xBD\",\"fix\":\"mend it\"}}\n");
}

}  // namespace
}  // namespace monge::serve
