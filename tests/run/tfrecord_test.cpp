#include "monge/run/tfrecord.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monge/core/files.h"
#include "tests/support/support.h"

namespace monge::run {
namespace {

using Rest = SoundRecords::Rest;
using monge::testing::message_of;
using ::testing::HasSubstr;

TEST(Crc32c, HasItsKnownValues) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(crc32c(""), 0u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);  // RFC 3720, B.4
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62A8AB43u);
}

TEST(SoundRecords, AreCountedUpToTheFirstFault) {
  const monge::testing::ScratchFolder folder;
  const auto path = folder / "records";
  const auto expect_records = [&](const std::string& bytes, int64_t count, int64_t sound, Rest rest) {
    real_files().replace(path, bytes);
    const auto found = sound_records(path);
    EXPECT_EQ(found.count, count);
    EXPECT_EQ(found.bytes, sound);
    EXPECT_EQ(found.size, static_cast<int64_t>(bytes.size()));
    EXPECT_EQ(found.rest, rest);
  };
  const auto a = tfrecord("a"), large = tfrecord(std::string(100'000, 'x'));
  expect_records("", 0, 0, Rest::none);
  expect_records(a + large + tfrecord(""), 3, 17 + 100'016 + 16, Rest::none);
  expect_records(a + large.substr(0, 3), 1, 17, Rest::cut);
  expect_records(a + large.substr(0, 11), 1, 17, Rest::cut);
  expect_records(a + large.substr(0, 12), 1, 17, Rest::cut);
  expect_records(a + large.substr(0, 100'015), 1, 17, Rest::cut);
  expect_records(a + std::string(3, '\0'), 1, 17, Rest::zeros);
  expect_records(a + std::string(300'000, '\0'), 1, 17, Rest::zeros);
  expect_records(a + std::string(300'000, '\0') + a, 1, 17, Rest::damaged);
  expect_records("no records, but a text", 0, 0, Rest::damaged);
  for (const size_t at : {0, 7, 8, 11, 12, 13, 16}) {  // a bit in each part of the first record
    auto bytes = a + large;
    bytes[at] ^= 4;
    expect_records(bytes, 0, 0, Rest::damaged);
  }
  // A length with its checksum that is beyond any file: no memory is taken for it.
  std::string vast(8, '\xff');
  const uint32_t crc = crc32c(vast), sum = ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
  for (int i = 0; i < 4; ++i) vast += static_cast<char>(sum >> (8 * i));
  expect_records(a + vast + "xyz", 1, 17, Rest::cut);
}

TEST(SoundRecords, NeedAFileThatCanBeRead) {
  const monge::testing::ScratchFolder folder;
  EXPECT_THAT(message_of([&] { sound_records(folder / "none"); }), HasSubstr("none: cannot be read: No such file"));
  EXPECT_THAT(message_of([&] { sound_records(folder.path()); }), HasSubstr("cannot be read"));
}

}  // namespace
}  // namespace monge::run
