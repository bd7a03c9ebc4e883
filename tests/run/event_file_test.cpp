#include "monge/run/event_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "monge/run/tfrecord.h"
#include "tests/support/support.h"

namespace monge::run {
namespace {

using monge::testing::message_of;
using ::testing::AllOf;
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

/// The payloads of a file, whose lengths and sums must hold.
std::vector<std::string> expect_records(std::string_view bytes) {
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

TEST(EventFile, IsAsTheMessagesAreDefined) {
  const monge::testing::ScratchFolder folder;
  EventFile events(folder / "events.out.tfevents.1", real_files(), [] { return 1.0; });
  events.add_scalars(300, {{"loss", 0.5}, {"b", -2}});
  events.add_image(1, "x", "PNG", 2, 3);

  const auto payloads = expect_records(real_files().read(events.path()));
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

TEST(EventFile, HoldsTextsAndSettings) {
  const monge::testing::ScratchFolder folder;
  EventFile events(folder / "events.out.tfevents.1", real_files(), [] { return 1.0; });
  events.add_text(2, "t", "*hi*");
  events.add_settings({{"a", true}, {"b", 1.0}, {"c", "x"}});
  events.add_end(true);

  using namespace std::string_literals;
  const auto payloads = expect_records(real_files().read(events.path()));
  ASSERT_EQ(payloads.size(), 4);
  const auto time = "\x09\0\0\0\0\0\0\xf0\x3f"s, one = "\0\0\0\0\0\0\xf0\x3f"s;
  // Tensor: type 7 (string), shape {dim {size 1}}, the text; metadata: plugin "text" with empty content.
  const auto tensor = "\x08\x07\x12\x04\x12\x02\x08\x01\x42\x04*hi*"s, plugin = "\x0a\x08\x0a\x04text\x12\0"s;
  EXPECT_EQ(payloads[1], time + "\x10\x02\x2a\x21\x0a\x1f\x0a\x01t" + "\x42\x0e" + tensor + "\x4a\x0a" + plugin);
  const auto start =
      "\x0a\x07\x0a\x01"
      "a\x12\x02\x20\x01"s +
      "\x0a\x0e\x0a\x01"
      "b\x12\x09\x11"s +
      one +
      "\x0a\x08\x0a\x01"
      "c\x12\x03\x1a\x01x"s +
      "\x29" + one;
  EXPECT_NE(payloads[2].find("_hparams_/session_start_info"), std::string::npos);
  EXPECT_NE(payloads[2].find("\x0a\x07hparams\x12\x2e\x1a\x2c" + start), std::string::npos);
  EXPECT_NE(payloads[3].find("\x0a\x07hparams\x12\x0d\x22\x0b\x08\x01\x11" + one), std::string::npos);
}

TEST(EventFile, IsContinued) {
  const monge::testing::ScratchFolder folder;
  const auto path = folder / "tfevents";
  for (int64_t step : {1, 2}) {
    EventFile events(path);
    EXPECT_EQ(events.repaired(), "");
    events.add_scalars(step, {{"a", 1.0}});
  }
  EXPECT_EQ(expect_records(real_files().read(path)).size(), 3);
}

/// An event file of three steps, its bytes, and where its last record begins.
class ACutEventFile : public ::testing::Test {
 protected:
  ACutEventFile() {
    EventFile events(path, real_files(), [] { return 1.0; });
    for (int64_t step : {1, 2}) events.add_scalars(step, {{"a", 1.0}});
    last = std::filesystem::file_size(path);
    events.add_scalars(3, {{"a", 1.0}});
    whole = real_files().read(path);
  }
  void put(const std::string& bytes) { real_files().replace(path, bytes); }

  /// Continues the file with one event. @return what was repaired.
  std::string go_on() {
    EventFile events(path, real_files(), [] { return 2.0; });
    events.add_scalars(4, {{"a", 1.0}});
    return events.repaired();
  }
  size_t records_there() { return expect_records(real_files().read(path)).size(); }

  monge::testing::ScratchFolder folder;
  const std::filesystem::path path = folder / "events.out.tfevents.monge";
  std::string whole;
  size_t last = 0;
};

// In the length, in its checksum, in the payload, in the payload's checksum.
TEST_F(ACutEventFile, IsContinuedBehindItsLastWholeRecord) {
  for (size_t size = last + 1; size < whole.size(); ++size) {
    put(whole.substr(0, size));
    EXPECT_EQ(go_on(), "its last " + std::to_string(size - last) +
                           " bytes are an incomplete record (a crash or a full disk); they were cut off");
    EXPECT_EQ(records_there(), 4) << size;  // the version and steps 1, 2 and 4
    EXPECT_TRUE(real_files().read(path).starts_with(whole.substr(0, last)));
  }
}

TEST_F(ACutEventFile, MayEndInZeros) {
  put(whole + std::string(4096, '\0'));
  EXPECT_EQ(go_on(), "its last 4096 bytes are zeros (a power failure); they were cut off");
  EXPECT_EQ(records_there(), 5);
  put(std::string(512, '\0'));
  EXPECT_THAT(go_on(), HasSubstr("512 bytes are zeros"));
  EXPECT_EQ(records_there(), 2);
}

TEST_F(ACutEventFile, MayHaveALastRecordWhoseEndIsZeros) {
  put(whole.substr(0, last + 20) + std::string(whole.size() - last - 20, '\0'));
  EXPECT_THAT(go_on(), HasSubstr("its record 4 is damaged"));
  EXPECT_EQ(records_there(), 4);
}

TEST_F(ACutEventFile, IsCutFromADamagedRecordOn) {
  auto damaged = whole;
  const auto second = tfrecord("").size() + 24 + 15;  // within the first event
  damaged[second] ^= 1;
  put(damaged);
  EXPECT_THAT(go_on(), AllOf(HasSubstr("its record 2 is damaged, and TensorBoard stops reading there"),
                             HasSubstr("were cut off")));
  EXPECT_EQ(records_there(), 2);
}

TEST_F(ACutEventFile, IsBegunAnewWhereNothingIsLeft) {
  put("");
  EXPECT_EQ(go_on(), "");
  EXPECT_EQ(records_there(), 2);
  put(whole.substr(0, 5));
  EXPECT_THAT(go_on(), HasSubstr("its last 5 bytes"));
  EXPECT_EQ(records_there(), 2);
}

TEST_F(ACutEventFile, ThatIsNoneIsKeptUnderAnotherName) {
  const std::string notes = "my notes on this run, which I called so\n";
  for (const std::string name : {"events.out.unreadable.monge", "events.out.unreadable.monge-2"}) {
    put(notes);
    EXPECT_EQ(go_on(), "is not an event file; it was renamed to " + name + ", and a new one was started");
    EXPECT_EQ(real_files().read(folder / name), notes);
    EXPECT_EQ(records_there(), 2);
  }
}

TEST_F(ACutEventFile, TellsThatARunIsResumed) {
  EventFile(path, real_files(), [] { return 1.0; }).restart(3);
  const std::string time("\x09\0\0\0\0\0\0\xf0\x3f", 9);
  EXPECT_EQ(expect_records(real_files().read(path)).back(),
            time + "\x10\x03" + "\x3a\x02\x08\x01");  // SessionLog { START }
}

TEST(EventFile, RefusesANameThatIsNotShown) {
  EXPECT_THAT(message_of([] { EventFile("curves.bin"); }), HasSubstr("\"tfevents\""));
  const monge::testing::ScratchFolder folder;
  EXPECT_THAT(message_of([&] { EventFile(folder / "none/tfevents"); }), HasSubstr("none/tfevents"));
  EXPECT_THAT(message_of([&] { EventFile(folder / "tfevents").add_image(0, "x", "", 0, 3); }), HasSubstr("3 x 0"));
}

}  // namespace
}  // namespace monge::run
