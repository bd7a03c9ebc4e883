#include "monge/fetch/unpack.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/fetch/folder_writer.h"
#include "monge/fetch/growing_file.h"
#include "monge/fetch/merge_folder.h"
#include "monge/fetch/unpack_while_growing.h"
#include "monge/io/sha256.h"
#include "tests/io/damage.h"
#include "tests/support/files.h"
#include "tests/support/odd_archives.h"
#include "tests/support/support.h"

namespace monge::fetch {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;
using testing::noise_bytes;
using ::testing::Not;
using testing::OddEntry;
using testing::ScratchFolder;
using testing::write_odd_archive;

using Tree = std::map<std::string, std::string>;

/// Files with their bytes, folders as "name/" with none.
Tree tree_of(const fs::path& folder) {
  Tree out;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const auto name = entry.path().lexically_relative(folder).string();
    if (entry.is_symlink()) {
      out["LINK " + name];
    } else if (entry.is_directory()) {
      out[name + "/"];
    } else {
      out[name] = real_files().read(entry.path());
    }
  }
  return out;
}

class Unpack : public ::testing::Test {
 protected:
  /// From the file; a folder of its own each time.
  Unpacked unpacked(const std::string& name, const UnpackOptions& options = {}) {
    return unpack(folder / name, out = fresh(), options);
  }
  /// In pieces of a few bytes, which cannot be sought in.
  Unpacked streamed(const std::string& name, const UnpackOptions& options = {}, size_t piece = 1000) {
    const auto bytes = real_files().read(folder / name);
    size_t at = 0;
    const auto read = [&](char* to, size_t room) {
      const auto count = std::min({room, piece, bytes.size() - at});
      std::copy_n(bytes.data() + at, count, to);
      at += count;
      return count;
    };
    return unpack(read, name, out = fresh(), options);
  }
  fs::path fresh() {
    const auto path = folder / ("out" + std::to_string(made++));
    fs::create_directory(path);
    return path;
  }

  ScratchFolder folder;
  fs::path out;
  int made = 0;
  const std::string big = noise_bytes(400'000, 1);
  const std::vector<OddEntry> good = {
      {"faces", "", AE_IFDIR}, {"faces/a.png", big}, {"./faces//b.png", "b"}, {"read.me", ""}};
  const Tree good_tree = {{"faces/", ""}, {"faces/a.png", big}, {"faces/b.png", "b"}, {"read.me", ""}};
};

TEST_F(Unpack, AllKindsFromFilesAndStreams) {
  for (const std::string kind : {"tar", "tar.gz", "tar.bz2", "tar.xz", "tar.zst", "zip", "7z"}) {
    write_odd_archive(folder / kind, kind, good);
    const auto whole = unpacked(kind);
    EXPECT_EQ(tree_of(out), good_tree) << kind;
    EXPECT_EQ(whole.files, 3) << kind;
    EXPECT_EQ(whole.bytes, 400'001) << kind;
    EXPECT_EQ(whole.left_out_text(), "") << kind;
    EXPECT_EQ(whole.is_zip, kind == "zip");
    EXPECT_EQ(listing_of(folder / kind), whole.listing) << kind;
    if (kind == "7z") {
      EXPECT_THAT(message_of([&] { streamed(kind); }), HasSubstr("cannot be read")) << "its directory is at the end";
      continue;
    }
    EXPECT_EQ(streamed(kind).listing, whole.listing) << kind;
    EXPECT_EQ(tree_of(out), good_tree) << kind;
  }
}

TEST_F(Unpack, EvilNamesLinksAndDevicesAreLeftOutAndCounted) {
  const std::string outside = (folder / "outside").string();
  const std::vector<OddEntry> evil = {{"good.png", "good"},
                                      {outside + "/absolute.png", "bad"},
                                      {"../climbs.png", "bad"},
                                      {"a/../../climbs.png", "bad"},
                                      {"a/..", "bad"},
                                      {"line\nfeed.png", "bad"},
                                      {"escape\x1b[2J.png", "bad"},
                                      {std::string(256, 'n') + ".png", "bad"},
                                      {".monge-fetch.json", "bad"},
                                      {".monge-fetch/x", "bad"},
                                      {"../", "", AE_IFDIR},
                                      {"link", "", AE_IFLNK, outside},
                                      {"link/through.png", "inside"},  // becomes a folder of our own
                                      {"hard.png", "", AE_IFREG, "good.png"},
                                      {"passwd", "", AE_IFLNK, "/etc/passwd"},
                                      {"pipe", "", AE_IFIFO},
                                      {"disk", "", AE_IFBLK},
                                      {"also..good.png", "good too"}};
  fs::create_directory(folder / "outside");
  write_odd_archive(folder / "evil.tar", "tar", evil);
  const auto found = unpacked("evil.tar");
  EXPECT_EQ(tree_of(out), (Tree{{"good.png", "good"},
                                {"also..good.png", "good too"},
                                {"link/", ""},
                                {"link/through.png", "inside"},
                                {"hard.png", "good"}}));
  EXPECT_EQ(found.files, 4);
  EXPECT_EQ(found.links.count, 2);
  EXPECT_EQ(found.links.first, "link");
  EXPECT_EQ(found.special.count, 2);
  EXPECT_EQ(found.unsafe.count, 10);
  EXPECT_EQ(found.left_out(), 14);
  EXPECT_EQ(found.left_out_text(), "2 links (first: link), 2 devices or pipes (first: pipe), 10 unsafe names (first: " +
                                       outside + "/absolute.png)");
  EXPECT_TRUE(fs::is_empty(folder / "outside"));
  EXPECT_FALSE(fs::exists(folder / "climbs.png"));
  streamed("evil.tar");
  EXPECT_EQ(tree_of(out).size(), 5u);

  // What cannot be shown is not shown.
  write_odd_archive(folder / "evil2.tar", "tar", {{"good", "x"}, {"\x1b[2J", "bad"}});
  EXPECT_EQ(unpacked("evil2.tar").unsafe.first, "\\x1b[2J");

  write_odd_archive(folder / "nothing.tar", "tar", {{"../a", "bad"}, {"../b", "bad"}});
  EXPECT_THAT(message_of([&] { unpacked("nothing.tar"); }),
              AllOf(HasSubstr("nothing.tar"), HasSubstr("the archive holds no file that can be unpacked"),
                    HasSubstr("2 unsafe names (first: ../a)")));
}

TEST_F(Unpack, AZipsDirectoryHasTheLastWordOnLinks) {
  write_odd_archive(folder / "a.zip", "zip", {{"good.png", "good"}, {"link.png", "", AE_IFLNK, "/etc/passwd"}});
  const auto whole = unpacked("a.zip");
  EXPECT_EQ(whole.links.count, 1);
  EXPECT_EQ(tree_of(out), (Tree{{"good.png", "good"}}));
  // A stream cannot tell, makes no link all the same, and its listing says that it is not to be trusted.
  std::string listing;
  try {
    listing = streamed("a.zip").listing;
  } catch (const Error&) {
  }
  for (const auto& [name, bytes] : tree_of(out)) EXPECT_THAT(name, Not(HasSubstr("LINK")));
  if (tree_of(out).size() != 1) {
    EXPECT_NE(listing, whole.listing);
  }
}

TEST_F(Unpack, RepeatedNames) {
  const auto big = noise_bytes(70'000, 4);  // more than a block of libarchive
  for (const std::string kind : {"tar", "zip", "7z"}) {
    write_odd_archive(folder / "same", kind, {{"a/x.png", big}, {"y", "y"}, {"./a/x.png", big}, {"a//x.png", big}});
    const auto same = unpacked("same");
    EXPECT_EQ(same.files, 2) << kind;
    EXPECT_EQ(same.repetitions.count, 2) << kind;
    EXPECT_EQ(same.left_out(), 0) << kind;
    EXPECT_THAT(same.left_out_text(), HasSubstr("2 repetitions of earlier entries (first: ./a/x.png)")) << kind;
    EXPECT_EQ(tree_of(out), (Tree{{"a/", ""}, {"a/x.png", big}, {"y", "y"}})) << kind;

    auto other = big;
    other.back() ^= 1;
    for (const auto& second : {other, big + "x", big.substr(1), std::string()}) {
      write_odd_archive(folder / "differ", kind, {{"a/x.png", big}, {"a/x.png", second}});
      EXPECT_THAT(message_of([&] { unpacked("differ"); }),
                  AllOf(HasSubstr("the same name and different contents"), HasSubstr("differ: two entries"),
                        HasSubstr("got a/x.png")))
          << kind;
    }
  }
  write_odd_archive(folder / "case", "tar", {{"A", "upper"}, {"a", "lower"}});
  EXPECT_EQ(unpacked("case").files, 2);  // on a file system that tells them apart, as Linux has
  EXPECT_EQ(tree_of(out), (Tree{{"A", "upper"}, {"a", "lower"}}));
}

TEST_F(Unpack, AFileWhereAFolderIsNeededAndTheReverse) {
  for (const std::string kind : {"tar", "zip", "7z"}) {
    write_odd_archive(folder / "f", kind, {{"a", "file"}, {"a/b/c.png", "needs a folder"}});
    EXPECT_THAT(message_of([&] { unpacked("f"); }),
                AllOf(HasSubstr("f: a/b/c.png"), HasSubstr("cannot create the folder: a file has this name")));
    write_odd_archive(folder / "f", kind, {{"a/b/c.png", "file"}, {"a/b", "where a folder is"}});
    EXPECT_THAT(message_of([&] { unpacked("f"); }),
                AllOf(HasSubstr("f: a/b"), HasSubstr("cannot create the file: a folder has this name")));
  }
  write_odd_archive(folder / "f", "tar", {{"a", "file"}, {"a", "", AE_IFDIR}});
  EXPECT_THAT(message_of([&] { unpacked("f"); }), HasSubstr("cannot create the folder: a file has this name"));
}

TEST_F(Unpack, NeverPassesThroughALinkInItsFolder) {
  write_odd_archive(folder / "a.tar", "tar", {{"sub/x.png", "x"}});
  const auto staging = fresh();
  fs::create_directory(folder / "elsewhere");
  fs::create_symlink(folder / "elsewhere", staging / "sub");
  EXPECT_THAT(message_of([&] { unpack(folder / "a.tar", staging); }), HasSubstr("sub/x.png"));
  EXPECT_TRUE(fs::is_empty(folder / "elsewhere"));
  write_odd_archive(folder / "b.tar", "tar", {{"x.png", "x"}});
  fs::create_symlink(folder / "elsewhere/new", staging / "x.png");
  EXPECT_THAT(message_of([&] { unpack(folder / "b.tar", staging); }), HasSubstr("x.png"));
  EXPECT_TRUE(fs::is_empty(folder / "elsewhere"));
}

TEST_F(Unpack, TakesLeadingFoldersOff) {
  write_odd_archive(folder / "a.tar", "tar",
                    {{"top", "", AE_IFDIR},
                     {"./top/a.png", "a"},
                     {"top/in/b.png", "b"},
                     {"lone.txt", "l"},
                     {"x/.monge-fetch.json", "bad"}});
  const auto found = unpacked("a.tar", {.strip = 1});
  EXPECT_EQ(tree_of(out), (Tree{{"a.png", "a"}, {"in/", ""}, {"in/b.png", "b"}}));
  EXPECT_EQ(found.shallow.first, "lone.txt");
  EXPECT_EQ(found.unsafe.count, 1);
  write_odd_archive(folder / "b.tar", "tar", {{"one/a.png", "1"}, {"two/a.png", "2"}});
  EXPECT_THAT(message_of([&] { unpacked("b.tar", {.strip = 1}); }),
              AllOf(HasSubstr("two/a.png"), HasSubstr("different contents")));
}

TEST_F(Unpack, StopsAtItsLimits) {
  write_odd_archive(folder / "bomb.tar.xz", "tar.xz",
                    {{"one", std::string(1'000'000, 'a')}, {"two", std::string(1'000'000, 'a')}});
  EXPECT_LT(fs::file_size(folder / "bomb.tar.xz"), 2000u);
  const auto complaint = [&](const io::ArchiveLimits& limits) {
    return message_of([&] { unpacked("bomb.tar.xz", {.limits = limits}); });
  };
  EXPECT_THAT(complaint({.most_entry_bytes = 999'999}),
              AllOf(HasSubstr("bomb.tar.xz: the archive unpacks"), HasSubstr("got one"),
                    HasSubstr("more than 999999 bytes in one entry")));
  EXPECT_THAT(complaint({.most_bytes = 1'500'000}), AllOf(HasSubstr("got two"), HasSubstr("more than 1500000 bytes")));
  EXPECT_LE(fs::file_size(out / "two"), 500'000u) << "it wrote on beyond the limit";
  EXPECT_THAT(complaint({.most_entries = 1}), HasSubstr("more than 1 entries"));
  EXPECT_THAT(message_of([&] { unpacked("bomb.tar.xz", {.spare_bytes = int64_t{1} << 60}); }),
              AllOf(HasSubstr("the disk is nearly full"), HasSubstr("bytes are free")));
}

TEST_F(Unpack, IsStoppedInTheMiddle) {
  write_odd_archive(folder / "a.tar", "tar", good);
  std::atomic<bool> stop{false};
  const UnpackOptions options{.progress = [&](int64_t) { stop = true; }, .stop = &stop};
  EXPECT_THROW(unpacked("a.tar", options), UnpackStopped);
  EXPECT_LT(tree_of(out).size(), 4u);
}

TEST_F(Unpack, RefusesTruncatedAndOtherFiles) {
  for (const std::string kind : {"tar", "tar.gz", "tar.xz", "zip", "7z"}) {
    write_odd_archive(folder / kind, kind, good);
    const auto whole = real_files().read(folder / kind);
    real_files().replace(folder / "cut", std::string_view(whole).substr(0, whole.size() / 2));
    EXPECT_THAT(message_of([&] { unpacked("cut"); }), AllOf(HasSubstr("cut"), HasSubstr("cannot be read"))) << kind;
    EXPECT_THAT(message_of([&] { streamed("cut"); }), AllOf(HasSubstr("cut"), HasSubstr("cannot be read"))) << kind;
  }
  real_files().replace(folder / "page.zip", "<!DOCTYPE html><html>log in first</html>");
  EXPECT_THAT(message_of([&] { unpacked("page.zip"); }), AllOf(HasSubstr("page.zip"), HasSubstr("tar, zip or 7z")));
  real_files().replace(folder / "void.tar", "");
  EXPECT_THAT(message_of([&] { unpacked("void.tar"); }), HasSubstr("empty"));
  EXPECT_THAT(message_of([&] { streamed("void.tar"); }), HasSubstr("void.tar"));
  EXPECT_THAT(message_of([&] { unpacked("none.tar"); }), HasSubstr("no such file"));
  write_odd_archive(folder / "hollow.tar", "tar", {{"folder", "", AE_IFDIR}});
  EXPECT_THAT(message_of([&] { unpacked("hollow.tar"); }), HasSubstr("the archive holds no file"));
}

TEST_F(Unpack, SurvivesDamage) {
  constexpr int kRounds = 50;
  fs::create_directory(folder / "jail");
  for (const std::string kind : {"tar", "tar.gz", "zip", "7z"}) {
    write_odd_archive(folder / kind, kind,
                      {{"a/b.png", noise_bytes(700, 2)},
                       {"a/c.png", std::string(300, 'c')},
                       {"d", "", AE_IFDIR},
                       {"e", "", AE_IFLNK, "a"},
                       {"../f", "x"}});
    const auto bytes = real_files().read(folder / kind);
    const auto parse = [&](const std::string& damaged) {
      const auto to = folder / "jail/in";
      const UnpackOptions options{
          .limits = {.most_entries = 1000, .most_bytes = 10'000'000, .most_entry_bytes = 10'000'000}};
      const auto empty = [&] {
        fs::remove_all(to);
        fs::create_directory(to);
      };
      const auto no_links = [&] {
        for (const auto& [name, content] : tree_of(to)) EXPECT_THAT(name, Not(HasSubstr("LINK")));
      };
      empty();
      size_t at = 0;
      const auto read = [&](char* into, size_t room) {
        const auto count = std::min({room, size_t{100}, damaged.size() - at});
        std::copy_n(damaged.data() + at, count, into);
        at += count;
        return count;
      };
      try {
        unpack(read, "damaged", to, options);
      } catch (const Error&) {  // as often as below
      }
      no_links();
      empty();
      std::ofstream(folder / "damaged", std::ios::binary) << damaged;
      unpack(folder / "damaged", to, options);
      no_links();
    };
    EXPECT_GT(testing::refuses_damage(bytes, kRounds, parse), kRounds / 8) << kind;
    for (const auto& entry : fs::directory_iterator(folder / "jail"))
      EXPECT_EQ(entry.path().filename(), "in") << "escaped";
  }
}

TEST_F(Unpack, MergesWithoutLoss) {
  const auto make = [&](const fs::path& at, const Tree& tree) {
    for (const auto& [name, bytes] : tree) {
      fs::create_directories((at / name).parent_path());
      if (!name.ends_with('/')) std::ofstream(at / name) << bytes;
    }
  };
  const auto from = fresh(), to = fresh();
  make(from, {{"a/x", "x"}, {"a/b/y", "y"}, {"new/z", "z"}, {"same", "s"}});
  make(to, {{"a/own", "o"}, {"same", "s"}, {"a/x", "x"}});
  merge_folder(from, to);
  EXPECT_EQ(tree_of(to), (Tree{{"a/", ""},
                               {"a/b/", ""},
                               {"a/b/y", "y"},
                               {"a/own", "o"},
                               {"a/x", "x"},
                               {"new/", ""},
                               {"new/z", "z"},
                               {"same", "s"}}));
  EXPECT_FALSE(fs::exists(from));

  const auto refused = [&](const Tree& staged, const std::string& name, const std::string& why) {
    const auto second = fresh();
    make(second, staged);
    const auto before = tree_of(to);
    EXPECT_THAT(message_of([&] { merge_folder(second, to); }),
                AllOf(HasSubstr((to / name).string()), HasSubstr(why), HasSubstr("not overwritten")));
    EXPECT_EQ(tree_of(to), before) << "something was changed";
  };
  refused({{"0", "new"}, {"a/x", "X"}}, "a/x", "different contents");
  refused({{"0", "new"}, {"a/x/deep", "d"}}, "a/x", "a file already exists where a folder");
  refused({{"0", "new"}, {"a/b", "file"}}, "a/b", "a folder already exists where a file");
  fs::create_symlink(to / "new", to / "link");
  refused({{"0", "new"}, {"link/w", "w"}}, "link", "a link already exists where a folder");

  std::ofstream(folder / "one") << "1";
  std::ofstream(to / "one") << "2";
  EXPECT_THAT(message_of([&] { place_file(folder / "one", to / "one"); }), HasSubstr("different contents"));
  EXPECT_TRUE(fs::exists(folder / "one"));
  place_file(folder / "one", to / "two");
  EXPECT_EQ(real_files().read(to / "two"), "1");
  EXPECT_FALSE(fs::exists(folder / "one"));
}

/// A part that grows by `grow`, told of to an unpacker.
class Growing : public Unpack {
 protected:
  void SetUp() override {
    write_odd_archive(folder / "a.tar.gz", "tar.gz", good);
    write_odd_archive(folder / "other.tar.gz", "tar.gz", {{"other.png", noise_bytes(300'000, 3)}, {"more.png", "m"}});
    whole = real_files().read(folder / "a.tar.gz");
    other = real_files().read(folder / "other.tar.gz");
  }
  void put(const std::string& bytes) {
    std::ofstream(folder / "part", std::ios::app | std::ios::binary) << bytes;
    size += static_cast<int64_t>(bytes.size());
    unpacker.now_holds(size);
  }
  void restart() {
    fs::resize_file(folder / "part", 0);
    size = 0;
    unpacker.now_holds(0);
  }

  std::string whole, other;
  int64_t size = 0;
  UnpackWhileGrowing unpacker{folder / "part", folder / "staging", "it", {}};
};

TEST_F(Growing, IsUnpackedAsItComes) {
  for (size_t at = 0; at < whole.size(); at += 10'000) put(whole.substr(at, 10'000));
  const auto done = unpacker.finish(io::sha256(whole));
  ASSERT_TRUE(done.has_value());
  EXPECT_EQ(done->files, 3);
  EXPECT_EQ(tree_of(folder / "staging"), good_tree);
}

TEST_F(Growing, WhatFollowsTheArchiveIsHashedToo) {
  put(whole);
  put(std::string(100'000, '\0'));
  EXPECT_TRUE(unpacker.finish(io::sha256(whole + std::string(100'000, '\0'))).has_value());
}

TEST_F(Growing, BeginsAnewWithTheFile) {
  put(other.substr(0, other.size() - 5000));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // so that it mostly has read some; right without it too
  restart();
  put(whole);
  ASSERT_TRUE(unpacker.finish(io::sha256(whole)).has_value());
  EXPECT_EQ(tree_of(folder / "staging"), good_tree);
}

TEST_F(Growing, AnotherFileThanTheCheckedOneIsNotTrusted) {
  put(other);
  EXPECT_FALSE(unpacker.finish(io::sha256(whole)).has_value());
}

TEST_F(Growing, IsAbandonedWhereverItIs) { put(whole.substr(0, 20'000)); }

TEST_F(Growing, WhatIsNoArchiveIsLeftToTheWholeFile) {
  put("<html>");
  EXPECT_FALSE(unpacker.finish(io::sha256("<html>")).has_value());
}

TEST(UnpackWhileGrowingDisk, AFullDiskIsToldToTheDownload) {
  const ScratchFolder folder;
  write_odd_archive(folder / "part", "tar", {{"a", "aaa"}});
  UnpackWhileGrowing unpacker(folder / "part", folder / "staging", "it", {.spare_bytes = int64_t{1} << 60});
  unpacker.now_holds(static_cast<int64_t>(fs::file_size(folder / "part")));
  EXPECT_THAT(message_of([&] { unpacker.finish(""); }), HasSubstr("the disk is nearly full"));
}

}  // namespace
}  // namespace monge::fetch
