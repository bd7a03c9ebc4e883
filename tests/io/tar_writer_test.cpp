#include "monge/io/tar_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monge/core/files.h"
#include "monge/io/archive.h"
#include "tests/support/support.h"

namespace monge::io {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing::ScratchFolder;

std::string tar_with(const std::string& name, const std::string& bytes) {
  std::string out;
  TarWriter writer([&](std::string_view part) { out.append(part); });
  writer.add(name, bytes);
  writer.finish();
  return out;
}

// POSIX.1-2001: "%d path=%s\n", and UTF-8 unless hdrcharset says otherwise.
TEST(TarWriter, SaysOfANameWhatItIs) {
  EXPECT_THAT(tar_with("a/b.png", "x"), Not(HasSubstr("path="))) << "every tar reads a plain name";
  EXPECT_EQ(tar_with("a/b.png", "x").size(), 4u * 512) << "a header, a block, the end";
  EXPECT_THAT(tar_with("cr\xc3\xa8me.png", "x"), HasSubstr("19 path=cr\xc3\xa8me.png\n"));
  EXPECT_THAT(tar_with("cr\xc3\xa8me.png", "x"), Not(HasSubstr("hdrcharset")));
  EXPECT_THAT(tar_with("latin\xfc.png", "x"), HasSubstr("21 hdrcharset=BINARY\n19 path=latin\xfc.png\n"));
  const std::string longer = std::string(60, 'a') + "/" + std::string(60, 'b');
  EXPECT_THAT(tar_with(longer, "x"), HasSubstr("131 path=" + longer + "\n"));
}

TEST(TarWriter, IsReadBack) {
  const ScratchFolder folder;
  const std::vector<ArchiveEntry> entries = {
      {"plain.png", std::string(512, 'p')},
      {"cr\xc3\xa8me/\xe5\x9b\xb3.png", "cream"},
      {"latin\xfc.png", ""},
      {std::string(150, 'd') + "/" + std::string(255, 'n'), std::string(1000, 'n')}};
  for (const char* name : {"a.tar", "a.tar.gz"}) {
    write_archive(folder / name, entries);
    const auto back = read_archive(folder / name);
    ASSERT_EQ(back.size(), entries.size()) << name;
    for (size_t i = 0; i < back.size(); ++i) {
      EXPECT_EQ(back[i].name, entries[i].name) << name;
      EXPECT_EQ(back[i].bytes, entries[i].bytes) << name;
    }
  }
}

}  // namespace
}  // namespace monge::io
