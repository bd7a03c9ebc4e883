#include "monge/io/entry_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <locale.h>

#include <functional>

#include "monge/core/files.h"
#include "monge/fetch/unpack.h"
#include "monge/io/archive.h"
#include "monge/io/archive_index.h"
#include "monge/io/npy.h"
#include "monge/io/npz.h"
#include "tests/support/odd_archives.h"
#include "tests/support/support.h"
#include "tests/support/zips.h"

namespace monge::io {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using testing::OddEntry;
using testing::ScratchFolder;
using testing::zip_of;

std::vector<std::string> names_of_entries(const fs::path& path) {
  std::vector<std::string> out;
  for (const auto& entry : read_archive(path)) out.push_back(entry.name);
  return out;
}

/// Runs `action` in the locales that are there: "C" always is, one of UTF-8 nearly always. Also sees that it leaves
/// them as they are.
void in_every_locale(const std::function<void(const char* name)>& action) {
  for (const char* name : {"C", "POSIX", "C.UTF-8", "en_US.UTF-8", "de_DE.ISO-8859-1"}) {
    const auto locale = ::newlocale(LC_ALL_MASK, name, nullptr);
    if (!locale) continue;
    const auto before = ::uselocale(locale);
    action(name);
    EXPECT_EQ(::uselocale(nullptr), locale) << name << ": the library changed it";
    ::uselocale(before);
    ::freelocale(locale);
  }
}

const std::string kImage = "\xe5\x9b\xb3/0.png", kCream = "cr\xc3\xa8me.png", kUmlaut = "\xc3\xbcn\xc3\xaf.png",
                  kLatin = "\xfc.png";

TEST(EntryNames, OfAZipAreThoseOfItsMarksInEveryLocale) {
  const ScratchFolder folder;
  real_files().replace(folder / "a.zip",
                       zip_of({{.name = kCream, .bytes = "1", .flags = 0x800},
                               {.name = "plain.png", .bytes = "2"},
                               {.name = "_n_.png", .bytes = "3", .unicode_path = kUmlaut},
                               {.name = "renamed.png", .bytes = "4", .unicode_path = kUmlaut, .stale_path = true},
                               {.name = kImage, .bytes = "5"},
                               {.name = kLatin, .bytes = "6"},
                               {.name = "bad\xff.png", .bytes = "7", .flags = 0x800},
                               {.name = "\xe5\x9b\xb3\\1.png", .bytes = "8", .flags = 0x800},
                               {.name = "\xe5\x9b\xb3\\2.png", .bytes = "9", .flags = 0x800, .made_by = 3 << 8 | 20}}));
  const std::vector<std::string> expected = {kCream,
                                             "plain.png",
                                             kUmlaut,
                                             "renamed.png",
                                             kImage,
                                             kLatin,
                                             "bad\xff.png",
                                             "\xe5\x9b\xb3/1.png",
                                             "\xe5\x9b\xb3\\2.png"};
  in_every_locale([&](const char* locale) {
    const auto entries = read_archive(folder / "a.zip");
    ASSERT_EQ(entries.size(), expected.size()) << locale;
    const auto index = index_archive(MappedFile(folder / "a.zip"));
    ASSERT_TRUE(index && index->size() == expected.size()) << locale;
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(entries[i].name, expected[i]) << locale;
      EXPECT_EQ(entries[i].bytes, std::to_string(i + 1)) << locale;
      EXPECT_EQ((*index)[i].name, expected[i]) << locale;
    }
  });
}

TEST(EntryNames, StandBehindAProgramThatUnpacksTheZip) {
  const ScratchFolder folder;
  real_files().replace(folder / "a.zip", "MZ program" + zip_of({{.name = kCream, .bytes = "1", .flags = 0x800},
                                                                {.name = kUmlaut, .bytes = "2", .flags = 0x800}}));
  EXPECT_THAT(names_of_entries(folder / "a.zip"), ElementsAre(kCream, kUmlaut));
}

TEST(EntryNames, OfA7zAreReadFromItsHeader) {
  in_every_locale([&](const char* locale) {
    for (const char* name : {"names-packed-header.7z", "names-plain-header.7z"}) {
      const auto entries = read_archive(fs::path(MONGE_SOURCE_DIR) / "tests/fixtures" / name);
      ASSERT_EQ(entries.size(), 4u) << name << ' ' << locale;
      EXPECT_EQ(entries[0].name, "src/a.txt");
      EXPECT_EQ(entries[1].name, "src/cr\xc3\xa8me.txt");
      EXPECT_EQ(entries[1].bytes, "cream");
      EXPECT_EQ(entries[2].name, "src/empty_\xc3\xbc.txt");
      EXPECT_EQ(entries[3].name, "src/\xe5\x9b\xb3/0.txt");
      EXPECT_EQ(entries[3].bytes.size(), 200u);
    }
  });
}

TEST(EntryNames, OfTarsAreTheirBytes) {
  const ScratchFolder folder;
  const std::string longest = kImage.substr(0, 3) + std::string(200, 'x') + ".png";
  in_every_locale([&](const char* locale) {
    write_archive(folder / "gnu.tar", {{kCream, "1"}, {kLatin, "2"}, {longest, "3"}});
    EXPECT_THAT(names_of_entries(folder / "gnu.tar"), ElementsAre(kCream, kLatin, longest)) << locale;
  });
  // A pax header in UTF-8, as Python writes it, put together by hand: libarchive writes none in the locale "C".
  const auto block = [](std::string bytes) { return bytes + std::string((512 - bytes.size() % 512) % 512, '\0'); };
  const auto header = [&](const std::string& name, size_t size, char type) {
    std::string out(512, '\0');
    out.replace(0, name.size(), name);
    char octal[13];
    std::snprintf(octal, sizeof octal, "%011zo", size);
    out.replace(100, 7, "0000644"), out.replace(124, 11, octal), out.replace(136, 11, "00000000000"),
        out.replace(148, 8, "        ");
    out[156] = type;
    out.replace(257, 8, std::string("ustar\0", 6) + "00");
    unsigned sum = 0;
    for (const unsigned char c : out) sum += c;
    std::snprintf(octal, sizeof octal, "%06o", sum);
    out.replace(148, 7, std::string(octal, 6) + '\0');
    return out;
  };
  const auto record = "path=" + kImage + "\n";
  const auto pax = std::to_string(record.size() + 3) + " " + record;
  real_files().replace(folder / "pax.tar", header("PaxHeader", pax.size(), 'x') + block(pax) +
                                               header("ascii.png", 3, '0') + block("pax") + std::string(1024, '\0'));
  in_every_locale(
      [&](const char* locale) { EXPECT_THAT(names_of_entries(folder / "pax.tar"), ElementsAre(kImage)) << locale; });
}

TEST(EntryNames, AreThoseOfTheUnpackedFiles) {
  const ScratchFolder folder;
  const auto bytes = zip_of({{.name = kCream, .bytes = "1", .flags = 0x800},
                             {.name = "\xe5\x9b\xb3/", .bytes = "", .flags = 0x800},
                             {.name = kImage, .bytes = "2", .flags = 0x800}});
  real_files().replace(folder / "a.zip", bytes);
  in_every_locale([&](const char* locale) {
    fs::remove_all(folder / "out");
    fs::create_directory(folder / "out");
    const auto found = fetch::unpack(folder / "a.zip", folder / "out");
    EXPECT_EQ(found.files, 2) << locale << found.left_out_text();
    EXPECT_EQ(found.left_out_text(), "") << locale;
    EXPECT_EQ(found.listing, fetch::listing_of(folder / "a.zip")) << locale;
    EXPECT_EQ(real_files().read(folder / "out" / kCream), "1") << locale;
    EXPECT_EQ(real_files().read(folder / "out" / kImage), "2") << locale;
  });
  // A stream has no directory yet.
  fs::create_directory(folder / "stream");
  size_t at = 0;
  const auto read = [&](char* to, size_t room) {
    const auto count = std::min(room, bytes.size() - at);
    std::copy_n(bytes.data() + at, count, to);
    at += count;
    return count;
  };
  EXPECT_THAT(message_of([&] { fetch::unpack(read, "a.zip", folder / "stream"); }),
              HasSubstr("a.zip: the name of entry 1 is in the directory at the archive's end"));
}

TEST(EntryNames, ThatCannotBeToldAreRefused) {
  const ScratchFolder folder;
  auto bytes =
      zip_of({{.name = kCream, .bytes = "1", .flags = 0x800}, {.name = kUmlaut, .bytes = "2", .flags = 0x800}});
  bytes[bytes.find("PK\1\2") + 1] = 'Q';
  real_files().replace(folder / "a.zip", bytes);
  EXPECT_THAT(message_of([&] { read_archive(folder / "a.zip"); }), HasSubstr("a.zip"));
}

TEST(EntryNames, AreKeysOfAnNpz) {
  const ScratchFolder folder;
  const auto array = npy_bytes(torch::ones({2, 3}));
  real_files().replace(folder / "a.npz", zip_of({{.name = "donn\xc3\xa9"
                                                          "es.npy",
                                                  .bytes = array,
                                                  .flags = 0x800},
                                                 {.name = kLatin + ".npy", .bytes = array}}));
  in_every_locale([&](const char* locale) {
    EXPECT_THAT(npz_names(folder / "a.npz"), ElementsAre("donn\xc3\xa9"
                                                         "es",
                                                         kLatin))
        << locale;
    EXPECT_EQ(read_npz(folder / "a.npz",
                       "donn\xc3\xa9"
                       "es")
                  .size(0),
              2)
        << locale;
    EXPECT_EQ(read_npz(folder / "a.npz", kLatin).size(1), 3) << locale;
  });
}

TEST(HardLinks, AreTheFilesThatTheyLeadTo) {
  const ScratchFolder folder;
  const std::vector<OddEntry> entries = {{"blob", "one"},
                                         {"a.png", "two"},
                                         {"first.png", "", AE_IFREG, "blob"},
                                         {"second.png", "", AE_IFREG, "./a.png"},
                                         {"lost.png", "", AE_IFREG, "nowhere"},
                                         {"self.png", "", AE_IFREG, "self.png"},
                                         {"soft.png", "", AE_IFLNK, "a.png"}};
  for (const char* kind : {"tar", "tar.gz"}) {
    const auto path = folder / (std::string("a.") + kind);
    testing::write_odd_archive(path, kind, entries);
    const auto wanted = [](const std::string& name) { return name.ends_with(".png"); };
    ArchiveReport report;
    std::vector<std::string> found;
    for (const auto& entry : read_archive(path, wanted, {}, &report)) found.push_back(entry.name + '=' + entry.bytes);
    EXPECT_THAT(found, ElementsAre("a.png=two", "second.png=two", "first.png=one")) << kind;
    EXPECT_EQ(report.links.count, 3) << kind;  // soft.png, lost.png, self.png
    EXPECT_EQ(report.links.first, "soft.png");

    const MappedFile mapped(path);
    if (const auto index = index_archive(mapped, wanted)) {
      ASSERT_EQ(index->size(), 3u);
      EXPECT_EQ((*index)[2].name, "first.png");
      EXPECT_EQ(mapped.bytes().substr(static_cast<size_t>((*index)[2].offset), 3), "one");
    } else {
      EXPECT_STREQ(kind, "tar.gz");
    }
    fs::remove_all(folder / "out");
    fs::create_directory(folder / "out");
    const auto unpacked = fetch::unpack(path, folder / "out");
    EXPECT_EQ(unpacked.left_out_text(), "3 links (first: lost.png)") << kind;
    EXPECT_EQ(real_files().read(folder / "out/first.png"), "one");
    EXPECT_EQ(real_files().read(folder / "out/second.png"), "two");
    EXPECT_EQ(unpacked.files, 4) << kind;
    EXPECT_EQ(unpacked.bytes, 12) << kind;
  }
}

TEST(HardLinks, CountForTheLimitsAndRepeatNoNameWithOtherBytes) {
  const ScratchFolder folder;
  const auto wanted = [](const std::string& name) { return name.ends_with(".png"); };
  std::vector<OddEntry> bomb = {{"blob", std::string(100'000, 'b')}};
  for (int i = 0; i < 20; ++i) bomb.push_back({std::to_string(i) + ".png", "", AE_IFREG, "blob"});
  testing::write_odd_archive(folder / "bomb.tar.gz", "tar.gz", bomb);
  EXPECT_THAT(message_of([&] { read_archive(folder / "bomb.tar.gz", wanted, {.most_bytes = 1'000'000}); }),
              HasSubstr("more than the 1000000 bytes"));
  for (const char* kind : {"tar", "tar.gz"}) {
    const auto path = folder / (std::string("a.") + kind);
    testing::write_odd_archive(path, kind,
                               {{"blob", "one"}, {"a.png", "", AE_IFREG, "blob"}, {"./a.png", "", AE_IFREG, "blob"}});
    ArchiveReport report;
    EXPECT_EQ(read_archive(path, wanted, {}, &report).size(), 1u) << kind;
    EXPECT_EQ(report.repetitions.count, 1) << kind;
    testing::write_odd_archive(
        path, kind, {{"blob", "one"}, {"b.png", "two"}, {"a.png", "three"}, {"a.png", "", AE_IFREG, "b.png"}});
    EXPECT_THAT(message_of([&] { read_archive(path, wanted); }), HasSubstr("the same name and different contents"))
        << kind;
    testing::write_odd_archive(folder / "b", kind,
                               {{"blob", "one"}, {"a.png", "three"}, {"a.png", "", AE_IFREG, "blob"}});
    EXPECT_THAT(message_of([&] { read_archive(folder / "b", wanted); }),
                HasSubstr("the same name and different contents"))
        << kind;
  }
  const MappedFile mapped(folder / "a.tar");
  EXPECT_THAT(message_of([&] { index_archive(mapped, wanted); }), HasSubstr("the same name and different contents"));
}

}  // namespace
}  // namespace monge::io
