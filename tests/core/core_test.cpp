#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <torch/types.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <fstream>
#include <sstream>

#include "monge/core/checked.h"
#include "monge/core/file_changes.h"
#include "monge/core/file_name.h"
#include "monge/core/file_system.h"
#include "monge/core/files.h"
#include "monge/core/mapped_file.h"
#include "monge/core/names.h"
#include "monge/core/number.h"
#include "monge/core/progress.h"
#include "monge/core/quoting.h"
#include "monge/core/random.h"
#include "monge/core/registry.h"
#include "tests/support/support.h"

namespace monge {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;

TEST(Checked, RefusesOverflowAndNegatives) {
  EXPECT_THAT(message_of([] { checked_multiply(int64_t{1} << 62, 4, "tensor w"); }), HasSubstr("tensor w"));
  EXPECT_THAT(message_of([] { checked_add(INT64_MAX, 1, "offset"); }), HasSubstr("overflows"));
  EXPECT_THAT(message_of([] { checked_multiply(-1, 4, "t"); }), HasSubstr("overflows"));
}

TEST(Registry, ListsAndSuggests) {
  const Registry<int> registry("net", {{"unet", 1}, {"mlp", 2}});
  EXPECT_EQ(registry.at("mlp"), 2);
  EXPECT_THAT(message_of([&] { registry.at("unte"); }),
              AllOf(HasSubstr("mlp, unet"), HasSubstr("did you mean \"unet\"")));
}

TEST(RandomStreams, AreAPureFunctionOfSeedPurposeAndStep) {
  const RandomStreams one(7), two(7), other(8);
  const auto draw = [](const RandomStreams& s, const char* purpose, int64_t step) {
    return torch::randn({8}, s.at(purpose, step));
  };
  const auto first = draw(one, "z", 3);
  draw(two, "image", 0);  // another purpose in between changes nothing
  EXPECT_TRUE(torch::equal(first, draw(two, "z", 3)));
  EXPECT_FALSE(torch::equal(first, draw(one, "z", 4)));
  EXPECT_FALSE(torch::equal(first, draw(one, "x", 3)));
  EXPECT_FALSE(torch::equal(first, draw(other, "z", 3)));
}

TEST(Files, ReplacePublishesWholeFilesOnly) {
  testing::ScratchFolder scratch;
  real_files().replace(scratch / "a", "one");
  real_files().replace(scratch / "a", "two");
  EXPECT_EQ(real_files().read(scratch / "a"), "two");
  EXPECT_FALSE(std::filesystem::exists(scratch / "a.part"));
}

TEST(Files, NameWhatCannotBeRead) {
  testing::ScratchFolder scratch;
  EXPECT_THAT(message_of([&] { real_files().read(scratch / "absent"); }),
              AllOf(HasSubstr("absent"), HasSubstr("no such file")));
  EXPECT_THAT(message_of([&] { real_files().read(scratch.path()); }), HasSubstr("is a folder"));
}

// Address 0 is mapped nowhere: the file opens, and reading it is an input/output error.
TEST(Files, HalfAFileIsNeverTakenForAWholeOne) {
  try {
    real_files().read("/proc/self/mem");
    FAIL() << "the read error was taken for the end of the file";
  } catch (const SystemError& error) {
    EXPECT_THAT(error.what(),
                AllOf(HasSubstr("/proc/self/mem"), HasSubstr("cannot read"), HasSubstr("Input/output error")));
  }
  EXPECT_THAT(real_files().read("/proc/self/status"), HasSubstr("Name:"));  // says that it has 0 bytes
}

// A device, a pipe or a file of /proc states no size.
TEST(Files, OfUnknownSizeAreBoundedToo) {
  constexpr const char* kUnknown = "/proc/self/maps";
  EXPECT_THAT(message_of([&] { real_files().read(kUnknown, 100); }),
              AllOf(HasSubstr(kUnknown), HasSubstr("is larger than 100 bytes")));
  EXPECT_THAT(real_files().read(kUnknown, int64_t{1} << 30), HasSubstr("\n"));
  testing::ScratchFolder scratch;
  std::ofstream(scratch / "a") << "12345";
  EXPECT_EQ(real_files().read(scratch / "a", 5), "12345");
  EXPECT_THAT(message_of([&] { real_files().read(scratch / "a", 4); }), HasSubstr("is larger than 4 bytes"));
}

// An immutable file, or one of another user in a folder like /tmp.
TEST(Files, WhatMayNotBeRemovedIsNotTakenForAbsent) {
  struct Immutable : FileSystem {
    int remove(int /*folder*/, const std::filesystem::path& /*path*/) override {
      errno = EPERM;
      return -1;
    }
  } immutable;
  testing::ScratchFolder scratch;
  std::ofstream(scratch / "a") << "x";
  std::filesystem::create_directory(scratch / "empty");
  const ScopedFileSystem scope(immutable);
  EXPECT_THAT(message_of([&] { remove_entry(scratch / "a"); }),
              AllOf(HasSubstr("cannot be removed"), HasSubstr("Operation not permitted")));
  EXPECT_TRUE(std::filesystem::exists(scratch / "a"));
  EXPECT_TRUE(remove_entry(scratch / "empty")) << "POSIX gives EPERM for a folder";
  EXPECT_FALSE(remove_entry(scratch / "empty"));
}

// Such a folder cannot be opened, and so not be synchronised. The rename has happened by then.
TEST(Files, ArePublishedInAFolderThatMayNotBeRead) {
  testing::ScratchFolder scratch;
  const auto drop = scratch / "drop";
  std::filesystem::create_directory(drop);
  constexpr uid_t kNobody = 65534;
  const bool root = ::geteuid() == 0;
  if (root) {  // who may read everything, unlike the user as whom this thread goes on
    ASSERT_EQ(::chmod(scratch.path().c_str(), 0711), 0);
    ASSERT_EQ(::chown(drop.c_str(), kNobody, static_cast<gid_t>(-1)), 0);
  }
  ASSERT_EQ(::chmod(drop.c_str(), 0300), 0);
  const auto as = [&](uid_t user) {
    if (root) ::setfsuid(user);
  };
  as(kNobody);
  const bool readable = ::open(drop.c_str(), O_RDONLY | O_DIRECTORY) >= 0;
  std::string message;
  try {
    real_files().replace(drop / "a", "one");
  } catch (const std::exception& error) {
    message = error.what();
  }
  as(0);
  ::chmod(drop.c_str(), 0700);
  EXPECT_FALSE(readable);
  EXPECT_EQ(message, "");
  EXPECT_EQ(real_files().read(drop / "a"), "one");
}

TEST(Files, FoldersChangePlacesWhole) {
  testing::ScratchFolder scratch;
  for (const char* name : {"a", "b"}) {
    std::filesystem::create_directory(scratch / name);
    std::ofstream(scratch / name / "file") << name;
  }
  if (!real_files().exchange(scratch / "a", scratch / "b")) return;  // an old file system
  EXPECT_EQ(real_files().read(scratch / "a" / "file"), "b");
  EXPECT_EQ(real_files().read(scratch / "b" / "file"), "a");
  EXPECT_FALSE(real_files().exchange(scratch / "a", scratch / "none"));
}

TEST(PartFile, IsThereWholeOrNotAtAll) {
  testing::ScratchFolder scratch;
  real_files().replace(scratch / "a", "old");
  {
    PartFile part(scratch / "a");
    part.append("new");
  }
  EXPECT_EQ(real_files().read(scratch / "a"), "old");
  EXPECT_FALSE(std::filesystem::exists(scratch / "a.part"));
  PartFile part(scratch / "a");
  part.append("new ");
  part.append("text");
  EXPECT_EQ(real_files().read(scratch / "a"), "old");
  part.publish();
  EXPECT_EQ(real_files().read(scratch / "a"), "new text");
}

// A name of 251 to 255 bytes is a name, and with ".part" it is none.
TEST(Files, LongNamesArePublishedToo) {
  testing::ScratchFolder scratch;
  std::string umlauts;
  for (int i = 0; i < 127; ++i) umlauts += "\xc3\xbc";
  for (const auto& name : {std::string(250, 'n'), std::string(251, 'n'), std::string(255, 'n'), umlauts}) {
    real_files().replace(scratch / name, "one");
    EXPECT_EQ(real_files().read(scratch / name), "one");
    PartFile part(scratch / name);
    part.append("two");
    part.publish();
    EXPECT_EQ(real_files().read(scratch / name), "two");
    EXPECT_FALSE(std::filesystem::exists(part_path(scratch / name)));
    EXPECT_LE(part_path(scratch / name).filename().string().size(), 255u);
  }
  EXPECT_EQ(part_path("a/b"), "a/b.part");
  EXPECT_NE(part_path(std::string(254, 'n') + 'a'), part_path(std::string(254, 'n') + 'b'));
  EXPECT_TRUE(is_utf8(part_path(umlauts).string()));
}

TEST(FileName, GetsEndingsAndSuffixesWithinTheLimit) {
  const std::string longest(255, 'n'), stem(251, 'n');
  EXPECT_EQ(with_ending("a/b", ".part.from"), "a/b.part.from");
  EXPECT_EQ(with_ending("a/" + std::string(245, 'n'), ".part.from").filename().string().size(), 255u);
  const auto cut = with_ending("a/" + longest, ".part.from");
  EXPECT_EQ(cut.parent_path(), "a");
  EXPECT_LE(cut.filename().string().size(), 255u);
  EXPECT_TRUE(cut.string().ends_with(".part.from"));
  EXPECT_EQ(with_suffix("a/smile.jpg", "_2"), "a/smile_2.jpg");
  EXPECT_EQ(with_suffix("a/" + stem + ".jpg", "_2").filename(), std::string(249, 'n') + "_2.jpg");
}

TEST(FileName, ThatNoFileCanHaveIsRefused) {
  EXPECT_NO_THROW(require_usable_name("", "OUT"));
  EXPECT_NO_THROW(require_usable_name("a/" + std::string(255, 'n') + "/b", "OUT"));
  EXPECT_THAT(message_of([] { require_usable_name("a/" + std::string(256, 'n') + "/b", "OUT"); }),
              AllOf(HasSubstr("OUT: the name is too long"), HasSubstr("... of 256 bytes"), HasSubstr("at most 255")));
  std::string path;
  for (int i = 0; i < 41; ++i) path += std::string(99, 'n') + '/';
  EXPECT_THAT(message_of([&] { require_usable_name(path, "OUT"); }),
              AllOf(HasSubstr("OUT: the path is too long"), HasSubstr("... of 4100 bytes"), HasSubstr("3834")));
  // Long enough that no file could be written in it, which was found after the work.
  const auto almost = path.substr(0, 3834);
  EXPECT_NO_THROW(require_usable_name(almost, "OUT"));
  EXPECT_THAT(message_of([&] { require_usable_name(almost + "n", "OUT"); }), HasSubstr("... of 3835 bytes"));
  EXPECT_LE((std::filesystem::path(almost) / part_path(std::string(250, 'n'))).string().size(), kLongestPath);
}

TEST(Files, ALinkThatLeadsNowhereIsNamed) {
  testing::ScratchFolder scratch;
  std::filesystem::create_symlink("nowhere", scratch / "a");
  EXPECT_THAT(message_of([&] { real_files().read(scratch / "a"); }),
              AllOf(HasSubstr("a: is a link to nowhere"), HasSubstr(", which cannot be opened")));
}

TEST(Files, AFullDiskIsTheSystemsFault) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "needs /dev/full";
  const std::array<std::string_view, 1> part{"some bytes"};
  try {
    real_files().write("/dev/full", part);
    FAIL() << "the write was not refused";
  } catch (const SystemError& error) {
    EXPECT_THAT(error.what(), AllOf(HasSubstr("No space left"), HasSubstr("free some space")));
  }
}

TEST(Files, AFolderThatCannotBeMadeIsNamed) {
  testing::ScratchFolder scratch;
  std::ofstream(scratch / "file") << "x";
  EXPECT_THAT(message_of([&] { make_writable_folder(scratch / "file" / "below"); }),
              AllOf(HasSubstr("below"), HasSubstr("choose another")));
}

TEST(Names, StandHarmlesslyInMessages) {
  EXPECT_EQ(shown("a\x1b[2J\n"), "\"a\\x1b[2J\\x0a\"");
  EXPECT_LT(shown(std::string(1'000'000, 'k')).size(), 150u);
  EXPECT_EQ(shown("cr\xc3\xa8me \xfc \xc2\x9b"), "\"cr\xc3\xa8me \\xfc \\xc2\\x9b\"")
      << "UTF-8 stays; other bytes and U+009B do not";
  std::string many;
  for (int i = 0; i < 100; ++i) many += "\xe5\x9b\xb3";
  EXPECT_TRUE(is_utf8(shown("x" + many))) << "characters stay whole";
  EXPECT_EQ(shortened(many, 7), many.substr(0, 6));
  EXPECT_EQ(shortened("\xfc\xfc\xfc", 2), "\xfc\xfc");
  EXPECT_EQ(lower_extension("A/B.JpG"), ".jpg");
  EXPECT_EQ(lower_extension("A.d/b"), "");
}

TEST(ContentHash, SeesOneFlippedBit) {
  std::string bytes(1000, 'a');
  const auto before = content_hash(bytes);
  bytes[500] ^= 1;
  EXPECT_NE(content_hash(bytes), before);
}

TEST(MappedFile, ShowsTheBytesAndOutlivesTheName) {
  const testing::ScratchFolder scratch;
  real_files().replace(scratch / "full", "abc");
  real_files().replace(scratch / "empty", "");
  const MappedFile full(scratch / "full");
  std::filesystem::remove(scratch / "full");
  EXPECT_EQ(full.bytes(), "abc");
  EXPECT_TRUE(MappedFile(scratch / "empty").bytes().empty());
  EXPECT_THAT(message_of([&] { MappedFile(scratch / "none"); }), HasSubstr("none: no such file"));
  EXPECT_THAT(message_of([&] { MappedFile file(scratch.path()); }), HasSubstr("is a folder"));
  EXPECT_THAT(message_of([&] { MappedFile("/dev/null"); }), HasSubstr("not a regular file"));
}

TEST(Progress, WritesPlainLinesAndNoTimeLeftThatItCannotKnow) {
  std::ostringstream out;
  {
    Progress progress(out, Progress::Style::plain, "train", 100, /*plain_seconds=*/0);
    progress.update(50, "loss 1.5");
    progress.update(100);
  }
  EXPECT_THAT(out.str(), AllOf(HasSubstr("train  50/100  50 %"), HasSubstr("50 %  loss 1.5\n"), HasSubstr("100/100"),
                               HasSubstr("  in 0 s\n"), ::testing::Not(HasSubstr("\r"))));
}

TEST(Progress, IsSilentWhenQuiet) {
  std::ostringstream out;
  Progress(out, Progress::Style::quiet, "train", 100).update(50);
  EXPECT_EQ(out.str(), "");
}

TEST(Duration, ReadsLikeASentence) {
  EXPECT_EQ(duration(8.2), "8 s");
  EXPECT_EQ(duration(200), "3 min 20 s");
  EXPECT_EQ(duration(7500), "2 h 05 min");
}

TEST(Shell, QuotesWhatAShellWouldTakeApart) {
  EXPECT_EQ(shell_quoted("runs/00007-a_b.c"), "runs/00007-a_b.c");
  EXPECT_EQ(shell_quoted(""), "''");
  for (const std::string word :
       {"my runs/a", "it's", "$HOME", "a;b", "~", "a*", "#a", "\"q\"", "b\\c", "two\nlines", "\xff"}) {
    const testing::ScratchFolder scratch;
    const auto out = (scratch / "out").string();
    ASSERT_EQ(std::system(("printf %s " + shell_quoted(word) + " >" + out).c_str()), 0);
    EXPECT_EQ(real_files().read(out), word);
  }
}

TEST(Number, IsShort) {
  EXPECT_EQ(number(0.25), "0.25");
  EXPECT_EQ(number(-0.0), "0");
  EXPECT_EQ(number(123456), "1.235e+05");
  EXPECT_EQ(number(NAN), "nan");
}

}  // namespace
}  // namespace monge
