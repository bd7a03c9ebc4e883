#include "monge/io/sha256.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "monge/core/error.h"
#include "tests/support/support.h"

namespace monge::io {
namespace {

using ::testing::HasSubstr;

// FIPS 180-4, examples of the National Institute of Standards and Technology ("SHA256.pdf", "SHA2_Additional.pdf").
const std::pair<std::string, const char*> kVectors[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {std::string(1000000, 'a'), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
};

TEST(Sha256, AgreesWithThePublishedVectors) {
  for (const auto& [bytes, digest] : kVectors) EXPECT_EQ(sha256(bytes), digest);
}

TEST(Sha256, PiecesAreTheWholeAndADigestBeginsAnew) {
  Sha256 hash;
  for (const char c : kVectors[2].first) hash.update({&c, 1});
  EXPECT_EQ(hash.digest(), kVectors[2].second);
  EXPECT_EQ(hash.digest(), kVectors[0].second);
  hash.update("abc");
  EXPECT_EQ(hash.digest(), kVectors[1].second);
}

TEST(Sha256, OfAFileInBlocks) {
  const testing::ScratchFolder folder;
  const std::string bytes((1 << 20) + 7, '\0');  // more than a block
  std::ofstream(folder / "x", std::ios::binary) << bytes;
  int64_t done = 0, total = 0, calls = 0;
  EXPECT_EQ(sha256_of_file(folder / "x", [&](int64_t d, int64_t t) { done = d, total = t, ++calls; }), sha256(bytes));
  EXPECT_EQ(done, static_cast<int64_t>(bytes.size()));
  EXPECT_EQ(total, done);
  EXPECT_EQ(calls, 2);
  std::ofstream(folder / "empty").flush();
  EXPECT_EQ(sha256_of_file(folder / "empty"), kVectors[0].second);
}

TEST(Sha256, SaysWhatCannotBeRead) {
  const testing::ScratchFolder folder;
  EXPECT_THAT(testing::message_of([&] { sha256_of_file(folder / "absent"); }), HasSubstr("absent: no such file"));
  EXPECT_THAT(testing::message_of([&] { sha256_of_file(folder.path()); }),
              HasSubstr("is a folder, a file was expected"));
}

}  // namespace
}  // namespace monge::io
