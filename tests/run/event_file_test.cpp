#include "monge/run/event_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "tests/support/support.h"

namespace monge::run {
namespace {

using monge::testing::message_of;
using ::testing::HasSubstr;

template <class T>
T take(std::string_view& bytes) {
  T out{};
  if (bytes.size() < sizeof(T)) {
    ADD_FAILURE() << "cut short";
    bytes = {};
    return out;
  }
  std::memcpy(&out, bytes.data(), sizeof(T));
  bytes.remove_prefix(sizeof(T));
  return out;
}

uint32_t unmasked(uint32_t masked) {
  const uint32_t rotated = masked - 0xa282ead8u;
  return (rotated >> 17) | (rotated << 15);
}

/// The payloads of a file; checks every length and sum.
std::vector<std::string> records(std::string_view bytes) {
  std::vector<std::string> out;
  while (!bytes.empty()) {
    const auto header = bytes.substr(0, 8);
    const auto length = take<uint64_t>(bytes);
    EXPECT_EQ(unmasked(take<uint32_t>(bytes)), crc32c(header));
    out.emplace_back(bytes.substr(0, length));
    bytes.remove_prefix(std::min<size_t>(length, bytes.size()));
    EXPECT_EQ(unmasked(take<uint32_t>(bytes)), crc32c(out.back()));
  }
  return out;
}

TEST(Crc32c, HasItsKnownValues) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(crc32c(""), 0u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);  // RFC 3720, B.4
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62A8AB43u);
}

TEST(EventFile, IsAsTheMessagesAreDefined) {
  const monge::testing::ScratchFolder folder;
  EventFile events(folder / "events.out.tfevents.1", real_files(), [] { return 1.0; });
  events.add_scalars(300, {{"loss", 0.5}, {"b", -2}});
  events.add_image(1, "x", "PNG", 2, 3);

  const auto payloads = records(real_files().read(events.path()));
  ASSERT_EQ(payloads.size(), 3);
  const std::string time("\x09\0\0\0\0\0\0\xf0\x3f", 9);  // field 1, the double 1.0
  EXPECT_EQ(payloads[0], time + "\x1a\x0d" + "brain.Event:2");
  const std::string loss(
      "\x0a\x0b"
      "\x0a\x04loss"
      "\x15\0\0\0\x3f",
      13);
  const std::string b(
      "\x0a\x08"
      "\x0a\x01"
      "b"
      "\x15\0\0\0\xc0",
      10);
  EXPECT_EQ(payloads[1], time + "\x10\xac\x02" + "\x2a\x17" + loss + b);  // 300 = 0xac 0x02
  EXPECT_EQ(payloads[2],
            time + "\x10\x01\x2a\x12\x0a\x10" + "\x0a\x01x" + "\x22\x0b" + "\x08\x02\x10\x03\x18\x03" + "\x22\x03PNG");
}

TEST(EventFile, IsContinued) {
  const monge::testing::ScratchFolder folder;
  const auto path = folder / "tfevents";
  for (int64_t step : {1, 2}) EventFile(path).add_scalars(step, {{"a", 1.0}});
  EXPECT_EQ(records(real_files().read(path)).size(), 3);
}

TEST(EventFile, RefusesANameThatIsNotShown) {
  EXPECT_THAT(message_of([] { EventFile("curves.bin"); }), HasSubstr("\"tfevents\""));
  const monge::testing::ScratchFolder folder;
  EXPECT_THAT(message_of([&] { EventFile(folder / "none/tfevents"); }), HasSubstr("none/tfevents"));
  EXPECT_THAT(message_of([&] { EventFile(folder / "tfevents").add_image(0, "x", "", 0, 3); }), HasSubstr("3 x 0"));
}

}  // namespace
}  // namespace monge::run
