#include "monge/io/zip_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "monge/core/files.h"
#include "monge/io/archive.h"
#include "monge/io/zip_directory.h"
#include "tests/support/support.h"

namespace monge::io {
namespace {

using ::testing::HasSubstr;
using testing::message_of;
using testing::ScratchFolder;

std::string zip_with(const std::vector<std::string>& names, uint64_t alignment = 1) {
  std::string out;
  ZipWriter writer([&](std::string_view bytes) { out.append(bytes); }, alignment);
  for (const auto& name : names) writer.add(name, "of " + name);
  writer.finish();
  return out;
}

// APPNOTE.TXT 4.4.4: bit 11 says that the name is UTF-8. Without it Python and Windows read code page 437.
TEST(ZipWriter, MarksNamesThatAreUtf8) {
  const auto zip = zip_with({"cr\xc3\xa8me/\xe5\x9b\xb3.png", "latin\xfc.png"});
  const auto directory = read_zip_directory(zip, "a.zip");
  ASSERT_EQ(directory.records.size(), 2u);
  EXPECT_EQ(directory.records[0].name, "cr\xc3\xa8me/\xe5\x9b\xb3.png");
  EXPECT_EQ(directory.records[0].flags, 0x800);
  EXPECT_EQ(directory.records[1].name, "latin\xfc.png");
  EXPECT_EQ(directory.records[1].flags, 0) << "bytes that are not UTF-8 must not be said to be";
  uint16_t local = 0;
  std::memcpy(&local, zip.data() + 6, 2);
  EXPECT_EQ(local, 0x800) << "the local header says the same";
}

TEST(ZipWriter, AlignsTheBytesOfEntries) {
  const auto zip = zip_with({"a", "longer name", "\xe5\x9b\xb3"}, 64);
  for (const auto& record : read_zip_directory(zip, "a.zip").records) {
    const auto begin = zip_entry_begin(zip, record, "a.zip");
    EXPECT_EQ(begin % 64, 0u);
    EXPECT_EQ(zip.substr(begin, record.size), "of " + record.name);
  }
}

// More entries than 16 bits count are written as zip64 and read back by libarchive.
TEST(ZipWriter, WritesZip64WhereTheOldFieldsAreFull) {
  const ScratchFolder folder;
  constexpr size_t kMany = 66'000;
  {
    ArchiveWriter writer(folder / "many.zip");
    for (size_t i = 0; i < kMany; ++i) writer.add(std::to_string(i), "x");
    writer.finish();
  }
  const auto bytes = real_files().read(folder / "many.zip");
  EXPECT_EQ(read_zip_directory(bytes, "many.zip").records.size(), kMany);
  EXPECT_EQ(read_archive(folder / "many.zip").size(), kMany);
}

TEST(ZipWriter, RefusesANameThatTheFormatCannotHold) {
  EXPECT_THAT(message_of([] { zip_with({std::string(70'000, 'x')}); }), HasSubstr("70000 bytes"));
}

}  // namespace
}  // namespace monge::io
