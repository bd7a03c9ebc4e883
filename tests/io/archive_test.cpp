#include "monge/io/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <random>
#include <tuple>

#include "monge/core/error.h"
#include "tests/support/support.h"

namespace monge::io {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using testing::ScratchFolder;

std::string letters(size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += static_cast<char>('a' + (i * i * 7 + i / 13) % 26);
  return out;
}

std::vector<std::string> names_in(const std::filesystem::path& path) {
  std::vector<std::string> out;
  for (const auto& entry : read_archive(path)) out.push_back(entry.name);
  return out;
}

/// A tar with entries that write_archive would not write.
void write_odd_tar(const std::filesystem::path& path) {
  auto* writer = archive_write_new();
  archive_write_set_format_ustar(writer);
  archive_write_open_filename(writer, path.c_str());
  const auto add = [&](const char* name, unsigned type, const char* target, const std::string& bytes) {
    auto* entry = archive_entry_new();
    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, type);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, static_cast<int64_t>(bytes.size()));
    if (type == AE_IFLNK) archive_entry_set_symlink(entry, target);
    if (type == AE_IFREG && target) archive_entry_set_hardlink(entry, target);
    archive_write_header(writer, entry);
    archive_write_data(writer, bytes.data(), bytes.size());
    archive_entry_free(entry);
  };
  add("good.png", AE_IFREG, nullptr, "good");
  add("/etc/passwd", AE_IFREG, nullptr, "bad");
  add("a/../../b.png", AE_IFREG, nullptr, "bad");
  add("link.png", AE_IFLNK, "/etc/passwd", "");
  add("hard.png", AE_IFREG, "good.png", "");
  add("folder", AE_IFDIR, nullptr, "");
  add("folder/also..good.png", AE_IFREG, nullptr, "good too");
  archive_write_close(writer);
  archive_write_free(writer);
}

TEST(Archive, ReadsBackWhatItWrote) {
  const ScratchFolder folder;
  const std::vector<ArchiveEntry> entries = {{"b/one.bin", letters(100'000)}, {"a.txt", ""}, {"b/t\xc3\xa9.png", "x"}};
  for (const char* name : {"a.zip", "a.tar", "a.tar.gz", "A.TGZ"}) {
    write_archive(folder / name, entries);
    const auto back = read_archive(folder / name);
    ASSERT_EQ(back.size(), entries.size()) << name;
    for (size_t i = 0; i < entries.size(); ++i) {
      EXPECT_EQ(back[i].name, entries[i].name) << name;
      EXPECT_EQ(back[i].bytes, entries[i].bytes) << name;
    }
    const auto once = real_files().read(folder / name);
    write_archive(folder / name, entries);
    EXPECT_EQ(once, real_files().read(folder / name)) << "the same entries give the same bytes";
  }
}

/// A tar of one entry, compressed as a whole, with as much padding at its end that a reader which stops at the end of
/// the tar does not come to the checksum. @param level  0: gzip stores the bytes as they are.
void write_compressed(const std::filesystem::path& path, const std::string& bytes, int (*filter)(::archive*),
                      const char* level) {
  auto plain = path;
  plain += ".tar";
  write_archive(plain, {{"one.bin", bytes}});
  const auto tar = real_files().read(plain) + std::string(1 << 20, '\0');
  auto* writer = archive_write_new();
  archive_write_set_format_raw(writer);
  filter(writer);
  if (level) archive_write_set_filter_option(writer, nullptr, "compression-level", level);
  archive_write_set_bytes_in_last_block(writer, 1);
  ASSERT_EQ(archive_write_open_filename(writer, path.c_str()), ARCHIVE_OK);
  auto* entry = archive_entry_new();
  archive_entry_set_filetype(entry, AE_IFREG);
  archive_write_header(writer, entry);
  ASSERT_EQ(archive_write_data(writer, tar.data(), tar.size()), static_cast<la_ssize_t>(tar.size()));
  archive_entry_free(entry);
  archive_write_close(writer);
  archive_write_free(writer);
}

// libarchive compares neither the checksum of gzip nor what comes after the end of a tar.
TEST(Archive, ComparesTheChecksumsOfCompressedFiles) {
  const ScratchFolder folder;
  std::mt19937 random(7);
  std::string content(200'000, '\0');
  for (char& c : content) c = static_cast<char>(random() % 64);
  const std::vector<std::tuple<const char*, int (*)(::archive*), const char*>> kinds = {
      {"a.tar.gz", archive_write_add_filter_gzip, "0"},
      {"b.tar.gz", archive_write_add_filter_gzip, "6"},
      {"a.tar.bz2", archive_write_add_filter_bzip2, nullptr},
      {"a.tar.xz", archive_write_add_filter_xz, nullptr},
  };
  for (const auto& [name, filter, level] : kinds) {
    const auto path = folder / name;
    write_compressed(path, content, filter, level);
    EXPECT_EQ(read_archive(path)[0].bytes, content) << name;
    const auto whole = real_files().read(path);
    const bool xz = path.extension() == ".xz";  // its last bytes are an index of its own
    for (const size_t before : {size_t{2}, size_t{7}, size_t{600}, whole.size() / 2}) {
      if (xz && before < 100) continue;
      auto damaged = whole;
      damaged[damaged.size() - before] ^= 0x10;
      real_files().replace(path, damaged);
      EXPECT_THAT(message_of([&] { read_archive(path); }), HasSubstr(name)) << before << " bytes before the end";
    }
    for (const size_t cut : {size_t{1}, size_t{5}, whole.size() / 2}) {
      real_files().replace(path, whole.substr(0, whole.size() - cut));
      EXPECT_THAT(message_of([&] { read_archive(path); }), HasSubstr(name)) << cut << " bytes are missing";
    }
  }
  write_compressed(folder / "a.tar.gz", content, archive_write_add_filter_gzip, "0");
  auto damaged = real_files().read(folder / "a.tar.gz");
  damaged[100'000] ^= 1;  // a byte of the entry, which deflate does not notice
  real_files().replace(folder / "a.tar.gz", damaged);
  EXPECT_THAT(message_of([&] { read_archive(folder / "a.tar.gz"); }),
              AllOf(HasSubstr("a.tar.gz"), HasSubstr("gzip data are damaged or cut short (incorrect data check)")));
}

TEST(Archive, ComparesTheChecksumsOfZips) {
  const ScratchFolder folder;
  const auto path = folder / "a.zip";
  const auto content = letters(100'000);
  write_archive(path, {{"one.bin", content}, {"two.bin", "2"}});
  auto damaged = real_files().read(path);
  damaged[damaged.find(content) + 50'000] ^= 1;
  real_files().replace(path, damaged);
  EXPECT_THAT(message_of([&] { read_archive(path); }),
              AllOf(HasSubstr("a.zip"), HasSubstr("one.bin"), HasSubstr("CRC")));
  EXPECT_EQ(read_archive(path, [](const std::string& name) { return name == "two.bin"; })[0].bytes, "2");
}

TEST(Archive, IsWrittenEntryByEntryAndAppearsWhole) {
  const ScratchFolder folder;
  for (const char* name : {"a.zip", "a.tar", "a.tgz"}) {
    const auto path = folder / name, part = folder / (std::string(name) + ".part");
    write_archive(path, {{"old.png", "old"}});
    {
      ArchiveWriter broken(path);
      broken.add("one.png", letters(1'000'000));
      if (name != std::string("a.tgz")) {  // which gathers these few letters to a block
        EXPECT_GT(std::filesystem::file_size(part), 500'000u) << "it is kept in memory";
      }
      EXPECT_THAT(message_of([&] { broken.add("/two.png", "x"); }), HasSubstr("/two.png"));
    }
    EXPECT_THAT(names_in(path), ElementsAre("old.png")) << name;
    EXPECT_FALSE(std::filesystem::exists(part)) << name;
    ArchiveWriter writer(path);
    writer.add("one.png", letters(70'000));
    writer.add("two.png", "two");
    EXPECT_THAT(names_in(path), ElementsAre("old.png")) << name;
    writer.finish();
    EXPECT_THAT(names_in(path), ElementsAre("one.png", "two.png")) << name;
  }
}

// A limit on the size of files stands for a full disk.
TEST(Archive, ADiskThatFillsIsTheSystemsFaultAndLeavesNothing) {
  const ScratchFolder folder;
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{.rlim_cur = 100'000, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  bool failed = false;
  try {
    write_archive(folder / "a.tar", {{"one.bin", letters(1'000'000)}});
  } catch (const SystemError& error) {
    failed = true;
    EXPECT_THAT(error.what(), AllOf(HasSubstr("a.tar.part"), HasSubstr("cannot write")));
  }
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_TRUE(failed);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(Archive, LeavesOutSymbolicLinksAndNamesThatClimb) {
  const ScratchFolder folder;
  write_odd_tar(folder / "odd.tar");
  EXPECT_THAT(names_in(folder / "odd.tar"), ElementsAre("good.png", "hard.png", "folder/also..good.png"));
  ArchiveReport report;
  read_archive(folder / "odd.tar", [](const std::string&) { return false; }, {}, &report);
  EXPECT_EQ(report.unsafe.count, 2);  // and a/../../b.png
  EXPECT_EQ(report.unsafe.first, "/etc/passwd");
  EXPECT_EQ(report.links.count, 1);
  EXPECT_EQ(report.links.first, "link.png");
}

TEST(Archive, RepeatedNamesAreTakenOnceWhenTheirBytesAreTheSame) {
  const ScratchFolder folder;
  for (const char* name : {"a.zip", "a.tar"}) {
    write_archive(folder / name, {{"x/a.png", "same"}, {"b.png", "b"}, {"./x/a.png", "same"}, {"x//a.png", "same"}});
    ArchiveReport report;
    EXPECT_EQ(read_archive(folder / name, {}, {}, &report).size(), 2u) << name;
    EXPECT_EQ(report.unsafe.count, 0);
    EXPECT_EQ(report.repetitions.count, 2);
    EXPECT_EQ(report.repetitions.first, "./x/a.png");
    write_archive(folder / name, {{"x/a.png", "one"}, {"b.png", "b"}, {"x/a.png", "two"}});
    EXPECT_THAT(message_of([&] { read_archive(folder / name); }),
                AllOf(HasSubstr(name), HasSubstr("got x/a.png"), HasSubstr("the same name and different contents")));
    const auto others = [](const std::string& entry) { return entry != "x/a.png"; };
    EXPECT_EQ(read_archive(folder / name, others).size(), 1u) << "what is not wanted is no trouble";
  }
}

TEST(Archive, UnpacksOnlyWhatIsWanted) {
  const ScratchFolder folder;
  write_archive(folder / "a.tar", {{"a.txt", letters(5000)}, {"b.png", "png"}});
  const auto wanted = [](const std::string& name) { return name.ends_with(".png"); };
  const auto entries = read_archive(folder / "a.tar", wanted, {.most_entry_bytes = 10});
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].bytes, "png");
}

TEST(Archive, RefusesTruncationAndOtherFiles) {
  const ScratchFolder folder;
  for (const char* name : {"a.tar", "a.tar.gz", "a.zip"}) {
    write_archive(folder / name, {{"one.bin", letters(50'000)}, {"two.bin", letters(50'000)}});
    const auto whole = real_files().read(folder / name);
    for (const size_t length : {whole.size() / 4, whole.size() * 2 / 3}) {
      real_files().replace(folder / "cut", std::string_view(whole).substr(0, length));
      EXPECT_THAT(message_of([&] { read_archive(folder / "cut"); }),
                  AllOf(HasSubstr("cut"), HasSubstr("cannot be read")))
          << name << " at " << length;
    }
  }
  real_files().replace(folder / "text.zip", "<!DOCTYPE html><html>not found</html>");
  EXPECT_THAT(message_of([&] { read_archive(folder / "text.zip"); }),
              AllOf(HasSubstr("text.zip"), HasSubstr("tar, zip or 7z")));
  real_files().replace(folder / "void.tar", "");
  EXPECT_THAT(message_of([&] { read_archive(folder / "void.tar"); }), AllOf(HasSubstr("void.tar"), HasSubstr("empty")));
  EXPECT_THAT(message_of([&] { read_archive(folder / "none.tar"); }), HasSubstr("no such file"));
  EXPECT_THAT(message_of([&] { read_archive(folder.path()); }), HasSubstr("is a folder"));
}

TEST(Archive, StopsAtItsLimits) {
  const ScratchFolder folder;
  write_archive(folder / "bomb.tgz",
                {{"one.bin", std::string(1'000'000, 'a')}, {"two.bin", std::string(1'000'000, 'a')}});
  EXPECT_THAT(message_of([&] { read_archive(folder / "bomb.tgz", {}, {.most_entry_bytes = 999'999}); }),
              AllOf(HasSubstr("bomb.tgz"), HasSubstr("one.bin"), HasSubstr("999999 bytes")));
  EXPECT_THAT(message_of([&] { read_archive(folder / "bomb.tgz", {}, {.most_bytes = 1'500'000}); }),
              AllOf(HasSubstr("two.bin"), HasSubstr("unpacks to more than the 1500000 bytes")));
  EXPECT_THAT(message_of([&] { read_archive(folder / "bomb.tgz", {}, {.most_entries = 1}); }),
              HasSubstr("more than 1 entries"));
}

TEST(Archive, WritesOnlySafeNamesAndKnownKinds) {
  const ScratchFolder folder;
  EXPECT_THAT(message_of([&] { write_archive(folder / "a.rar", {}); }),
              AllOf(HasSubstr("\".rar\""), HasSubstr(".zip")));
  EXPECT_THAT(message_of([&] { write_archive(folder / "a.zip", {{"../x", ""}}); }), HasSubstr("\"../x\""));
  EXPECT_TRUE(has_archive_extension("x/faces.TAR.gz"));
  EXPECT_FALSE(has_archive_extension("x/faces.gz"));
}

}  // namespace
}  // namespace monge::io
