#include "monge/data/image_collection.h"

#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/data/images.h"
#include "monge/io/archive.h"
#include "tests/support/support.h"

namespace monge::data {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::message_of;
using testing::ScratchFolder;

std::string image(int red) {
  auto out = torch::full({6, 5, 3}, 100, torch::kUInt8);
  out.select(2, 0).fill_(red);
  return io::encode_png(out);
}

std::vector<std::string> names(const ImageCollection& images) {
  std::vector<std::string> out;
  for (int64_t i = 0; i < images.size(); ++i) out.push_back(images.name(i));
  return out;
}

int red(const ImageCollection& images, int64_t i) {
  io::ImageNotes ignored;
  return images.decode(i, ignored)[0][0][0].item<int>();
}

TEST(Shards, AreNamedByARange) {
  const auto paths = expand_shards("a/b-{008..011}.tar");
  ASSERT_EQ(paths.size(), 4u);
  EXPECT_EQ(paths.front(), "a/b-008.tar");
  EXPECT_EQ(paths.back(), "a/b-011.tar");
  EXPECT_THAT(expand_shards("plain.tar"), ElementsAre("plain.tar"));
  EXPECT_EQ(expand_shards("x{9..10}.tar").back(), "x10.tar");
  for (const char* bad : {"a{1..}.tar", "a{..2}.tar", "a{1,2}.tar", "a{2..1}.tar", "a{1..2", "a{1..2}{3..4}.tar",
                          "a{-1..2}.tar", "a{0..100000}.tar", "a{9223372036854775806..9223372036854775807}b{",
                          "a{0..99999999999999999999}.tar", "a{1..2x}.tar"}) {
    EXPECT_THAT(message_of([&] { expand_shards(bad); }), AllOf(HasSubstr(bad), HasSubstr("faces-{000..146}.tar")))
        << bad;
  }
}

TEST(Shards, AreOneRowOfImagesNamedAfterTheirShard) {
  const ScratchFolder folder;
  io::write_archive(folder / "s-00.tar", {{"b.png", image(2)}, {"a.png", image(1)}, {"a.json", "{}"}});
  io::write_archive(folder / "s-01.tar.gz", {{"a.png", image(3)}});
  std::filesystem::rename(folder / "s-01.tar.gz", folder / "s-01.tar");  // what a file is is told by its content
  const auto images = open_image_collection(folder / "s-{00..01}.tar", silent());
  EXPECT_THAT(names(*images), ElementsAre("s-00/a.png", "s-00/b.png", "s-01/a.png"));
  for (int64_t i = 0; i < 3; ++i) EXPECT_EQ(red(*images, i), i + 1);
  EXPECT_EQ(ImageSource(folder / "s-{00..01}.tar", {.size = 8}).size(), 3);
  EXPECT_THAT(message_of([&] { open_image_collection(folder / "s-{00..03}.tar", silent()); }),
              AllOf(HasSubstr("2 of 4 shards"), HasSubstr("s-02.tar")));
}

/// An archive of entries that no honest program writes.
class OddArchive {
 public:
  OddArchive(const std::filesystem::path& path, bool zip) : writer_(archive_write_new()) {
    zip ? archive_write_set_format_zip(writer_) : archive_write_set_format_pax_restricted(writer_);
    if (zip) archive_write_zip_set_compression_store(writer_);
    archive_write_open_filename(writer_, path.c_str());
  }
  ~OddArchive() {
    archive_write_close(writer_);
    archive_write_free(writer_);
  }
  void add(const std::string& name, const std::string& bytes, const char* symlink = nullptr,
           const char* hardlink = nullptr) {
    auto* entry = archive_entry_new();
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_filetype(entry, symlink ? AE_IFLNK : AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, static_cast<int64_t>(bytes.size()));
    if (symlink) archive_entry_set_symlink(entry, symlink);
    if (hardlink) archive_entry_set_hardlink(entry, hardlink);
    archive_write_header(writer_, entry);
    archive_write_data(writer_, bytes.data(), bytes.size());
    archive_entry_free(entry);
  }

 private:
  ::archive* writer_;
};

TEST(Archives, OfAFolderNamedDotAreTheSame) {
  const ScratchFolder folder;
  {
    OddArchive archive(folder / "dot.tar", false);
    archive.add("./a.png", image(1));
    archive.add("./b/c.png", image(2));
    archive.add("./.hidden.png", image(3));
  }
  EXPECT_THAT(names(*open_image_collection(folder / "dot.tar", silent())), ElementsAre("a.png", "b/c.png"));
}

// They are read when they are asked for, into the caller's buffer.
TEST(Archives, ThatStoreImagesAreNotReadIntoMemory) {
  const ScratchFolder folder;
  const std::string large(16 << 20, 'x');
  for (const char* name : {"a.tar", "a.zip"}) {
    io::write_archive(folder / name,
                      {{"a.png", image(1)}, {"large1.png", large}, {"large2.png", large}, {"z.png", image(2)}});
    const auto images = open_image_collection(folder / name, silent());
    std::string buffer;
    EXPECT_EQ(images->bytes(1, buffer), large) << name;
    EXPECT_EQ(buffer.size(), large.size()) << name << ": it was read when it was asked for";
    EXPECT_EQ(red(*images, 3), 2);
    EXPECT_EQ(images->length(1), 16 << 20);
  }
}

TEST(Archives, CompareTheChecksumsOfAZipThatStoresImages) {
  const ScratchFolder folder;
  const auto path = folder / "a.zip";
  // Encoded images that are read as they are: no decoder looks at them.
  io::write_archive(path, {{"a.png", image(1)}, {"b.png", std::string(1000, 'b')}, {"c.png", image(3)}});
  auto bytes = real_files().read(path);
  const auto at = bytes.find(std::string(1000, 'b'));
  ASSERT_NE(at, std::string::npos);
  std::string buffer;
  EXPECT_EQ(open_image_collection(path, silent())->bytes(1, buffer), std::string(1000, 'b'));
  for (const size_t place : {size_t{0}, size_t{500}, size_t{999}}) {
    auto damaged = bytes;
    damaged[at + place] ^= 1;
    real_files().replace(path, damaged);
    const auto images = open_image_collection(path, silent());
    EXPECT_THAT(message_of([&] { images->bytes(1, buffer); }),
                AllOf(HasSubstr("a.zip/b.png"), HasSubstr("its checksum in the archive is wrong")));
    EXPECT_EQ(red(*images, 0), 1);
    EXPECT_EQ(red(*images, 2), 3);
  }
  real_files().replace(path, bytes);
  const auto images = open_image_collection(path, silent());
  std::filesystem::resize_file(path, at);
  EXPECT_THAT(message_of([&] { images->bytes(1, buffer); }), HasSubstr("has become shorter since it was opened"));
}

TEST(Archives, LeaveOutUnsafeNamesAndSymbolicLinksAndSayWhich) {
  const ScratchFolder folder;
  for (const bool zip : {false, true}) {
    const auto path = folder / (zip ? "odd.zip" : "odd.tar");
    {
      OddArchive archive(path, zip);
      archive.add("good.png", image(7));
      archive.add("../up.png", image(1));
      archive.add("a/../../up.png", image(1));
      archive.add("/etc/absolute.png", image(1));
      archive.add("link.png", "", "/etc/passwd");
      if (!zip) archive.add("hard.png", "", nullptr, "good.png");
      archive.add("twice.png", image(8));
      archive.add("twice.png", image(8));
    }
    std::vector<std::string> logged;
    const auto images = open_image_collection(path, [&](LogLevel, const std::string& line) { logged.push_back(line); });
    std::vector<std::string> expected{"good.png", "twice.png"};
    if (!zip) expected = {"good.png", "hard.png", "twice.png"};
    EXPECT_EQ(names(*images), expected) << path;
    EXPECT_THAT(logged,
                ElementsAre(AllOf(HasSubstr("3 entries are left out because of an unsafe name"),
                                  HasSubstr("the first is ../up.png")),
                            AllOf(HasSubstr("1 link is left out"), HasSubstr("the first is link.png")),
                            AllOf(HasSubstr("1 entry repeats an earlier one"), HasSubstr("the first is twice.png"))));
  }
}

TEST(Archives, RefuseTwoFilesOfOneName) {
  const ScratchFolder folder;
  for (const char* name : {"twice.tar", "twice.zip", "twice.tar.gz"}) {
    if (std::string(name).ends_with(".gz")) {
      // Compressed: the other way of reading.
      auto* writer = archive_write_new();
      archive_write_set_format_gnutar(writer);
      archive_write_add_filter_gzip(writer);
      archive_write_open_filename(writer, (folder / name).c_str());
      for (const int value : {1, 2}) {
        const auto bytes = image(value);
        auto* entry = archive_entry_new();
        archive_entry_set_pathname(entry, "a.png");
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_size(entry, static_cast<int64_t>(bytes.size()));
        archive_write_header(writer, entry);
        archive_write_data(writer, bytes.data(), bytes.size());
        archive_entry_free(entry);
      }
      archive_write_close(writer);
      archive_write_free(writer);
    } else {
      OddArchive archive(folder / name, std::string(name).ends_with(".zip"));
      archive.add("a.png", image(1));
      archive.add("a.png", image(2));
    }
    EXPECT_THAT(message_of([&] { open_image_collection(folder / name, silent()); }),
                AllOf(HasSubstr(name), HasSubstr("two entries have the same name"), HasSubstr("a.png")));
  }
}

TEST(Archives, ThatAreCutAreRefusedAtOnce) {
  const ScratchFolder folder;
  const std::string noise(100'000, 'n');
  io::write_archive(folder / "whole.tar", {{"a.png", image(1)}, {"b.png", noise}});
  const auto bytes = real_files().read(folder / "whole.tar");
  for (const size_t length : {size_t{700}, size_t{20'000}, size_t{60'000}}) {
    real_files().replace(folder / "cut.tar", bytes.substr(0, length));
    EXPECT_THAT(message_of([&] { open_image_collection(folder / "cut.tar", silent()); }), HasSubstr("cut.tar"))
        << length;
  }
}

// One bit of a header, a block of zeros over one, an end that is missing: each would hide images without a word.
TEST(Archives, ThatHideImagesByDamageAreRefused) {
  const ScratchFolder folder;
  std::vector<io::ArchiveEntry> entries;
  for (int i = 0; i < 6; ++i) entries.push_back({std::to_string(i) + ".png", image(i)});
  io::write_archive(folder / "whole.tar", entries);
  const auto whole = real_files().read(folder / "whole.tar");
  ASSERT_EQ(open_image_collection(folder / "whole.tar", silent())->size(), 6);
  const auto third = whole.find("3.png");
  const auto expect_refused = [&](const std::string& bytes, const char* what) {
    real_files().replace(folder / "bad.tar", bytes);
    EXPECT_THAT(message_of([&] { open_image_collection(folder / "bad.tar", silent()); }), HasSubstr("bad.tar")) << what;
  };
  auto bytes = whole;
  bytes[third + 2] ^= 1;
  expect_refused(bytes, "a flipped bit");
  bytes = whole;
  std::fill_n(bytes.begin() + static_cast<int64_t>(third), 512, '\0');
  expect_refused(bytes, "a block of zeros");
  expect_refused(whole.substr(0, third), "no end");
}

/// A folder of images, with what the log was told.
class Folders : public ::testing::Test {
 protected:
  void put(const std::string& name, int value) {
    std::filesystem::create_directories((folder / name).parent_path());
    real_files().replace(folder / name, image(value));
  }
  void link(const std::string& name, const std::string& target) {
    std::filesystem::create_directories((folder / name).parent_path());
    std::filesystem::create_symlink(target, folder / name);
  }
  std::vector<std::string> names_of(const std::string& name) {
    logged.clear();
    return names(
        *open_image_collection(folder / name, [&](LogLevel, const std::string& line) { logged.push_back(line); }));
  }

  const ScratchFolder folder;
  std::vector<std::string> logged;
};

TEST_F(Folders, LeaveOutWhatIsNoFile) {
  put("set/a.png", 1);
  ASSERT_EQ(mkfifo((folder / "set/pipe.png").c_str(), 0600), 0);
  link("set/zero.png", "/dev/zero");
  link("set/lost.png", "nowhere");
  link("set/gone", "nowhere");
  EXPECT_THAT(names_of("set"), ElementsAre("a.png", "lost.png")) << "an image that leads nowhere is a fault to be told";
  EXPECT_THAT(logged, ElementsAre(AllOf(HasSubstr("1 symbolic link is broken and left out"),
                                        HasSubstr("the first is \"gone\"")),
                                  AllOf(HasSubstr("2 pipes, sockets or devices are left out"))));
  EXPECT_THAT(message_of([&] { ImageSource(folder / "set", {.size = 8}); }),
              AllOf(HasSubstr("lost.png"), HasSubstr("is a link to nowhere")));
  EXPECT_THAT(message_of([&] { open_image_collection(folder / "set/pipe.png", silent()); }),
              AllOf(HasSubstr("pipe.png"), HasSubstr("is a pipe")));
}

TEST_F(Folders, FollowLinksToFoldersAndFiles) {
  for (const char* name :
       {"elsewhere/x/0.png", "elsewhere/x/1.png", "elsewhere/y/0.png", "set/real/0.png", "single.png"})
    put(name, 1);
  link("set/x", "../elsewhere/x");
  link("set/y", "../elsewhere/y");
  link("set/one.png", "../single.png");
  EXPECT_THAT(names_of("set"), ElementsAre("one.png", "real/0.png", "x/0.png", "x/1.png", "y/0.png"));
  EXPECT_THAT(logged, ElementsAre(HasSubstr("3 symbolic links are followed")));
  EXPECT_EQ(ImageSource(folder / "set", {.size = 8}).size(), 5);
  link("only/x", "../elsewhere/x");
  EXPECT_THAT(names_of("only"), ElementsAre("x/0.png", "x/1.png"));
  link("whole", "set");
  EXPECT_THAT(names_of("whole"), ElementsAre("one.png", "real/0.png", "x/0.png", "x/1.png", "y/0.png"))
      << "the set itself may be a link";
}

// The way of the Hugging Face cache: names are links to files that are called after their hashes.
TEST_F(Folders, FollowLinksToFilesWithoutTheNameOfAnImage) {
  put("blobs/3f2a", 1);
  put("blobs/77b0", 2);
  link("snapshot/a.png", "../blobs/3f2a");
  link("snapshot/b.png", "../blobs/77b0");
  EXPECT_THAT(names_of("snapshot"), ElementsAre("a.png", "b.png"));
  EXPECT_THAT(names_of("."), ElementsAre("snapshot/a.png", "snapshot/b.png"));
}

TEST_F(Folders, TakeEachRealFileOnceAndEndLoops) {
  for (const char* name : {"set/a/0.png", "set/a/1.png", "outside/z.png"}) put(name, 1);
  link("set/loop", ".");
  link("set/a/up", "../../set");
  link("set/again", "a");
  link("set/zero.png", "a/0.png");
  link("set/z1", "../outside");
  link("set/z2", "../outside");
  link("outside/back", "../set");
  link("set/self", "self");
  EXPECT_THAT(names_of("set"), ElementsAre("a/0.png", "a/1.png", "z1/z.png"));
  EXPECT_THAT(
      logged,
      ElementsAre(AllOf(HasSubstr("7 symbolic links are followed"),
                        HasSubstr("6 lead to images or folders that are already in the set and are not used twice")),
                  AllOf(HasSubstr("1 symbolic link is broken and left out"), HasSubstr("\"self\""))));
}

// What a path is goes before what it is called.
TEST_F(Folders, MayBeCalledLikeAnythingElse) {
  for (const char* name :
       {"my.csv", "set.tar", "x.zip", "a.npy", "face.png", "set.parquet", "a?member=b.png", "b{0..1}.tar"}) {
    put(std::string(name) + "/0.png", 1);
    EXPECT_THAT(names_of(name), ElementsAre("0.png")) << name;
    EXPECT_TRUE(holds_images(folder / name)) << name;
  }
}

TEST_F(Folders, NoticeLinksThatGitWroteAsText) {
  put("elsewhere/x/0.png", 1);
  put("set/a.png", 1);
  real_files().replace(folder / "set/x", "../elsewhere/x");
  EXPECT_THAT(names_of("set"), ElementsAre("a.png"));
  EXPECT_THAT(logged, ElementsAre(HasSubstr("the first is \"x\""),
                                  AllOf(HasSubstr("holds the text \"../elsewhere/x\""), HasSubstr("core.symlinks"))));
}

TEST_F(Folders, MayHoldUnreadableFilesThatAreNotUsed) {
  put("set/a.png", 1);
  real_files().replace(folder / "set/notes", "x");
  std::filesystem::permissions(folder / "set/notes", std::filesystem::perms::none);
  EXPECT_THAT(names_of("set"), ElementsAre("a.png"));
}

// What the user hides is left out with a word, what macOS, git and monge leave beside images without one.
TEST_F(Folders, CountTheImagesThatAreHidden) {
  put("set/a.png", 1);
  for (const char* name :
       {"set/._a.png", "set/.macos/._b.png", "set/.git/objects/3f", "set/.monge-fetch/0.unpacked/c.png"})
    put(name, 2);
  real_files().replace(folder / "set/.DS_Store", "x");
  EXPECT_THAT(names_of("set"), ElementsAre("a.png"));
  EXPECT_TRUE(logged.empty());
  put("set/.x.png", 3);
  EXPECT_THAT(names_of("set"), ElementsAre("a.png"));
  EXPECT_THAT(logged,
              ElementsAre(HasSubstr("1 hidden image or folder of images is left out, the first is \".x.png\"")));
  put("set/.secret/b.png", 4);
  put("set/.secret/deep/c.png", 5);
  put("set/inner/.y.jpe", 6);
  EXPECT_THAT(names_of("set"), ElementsAre("a.png"));
  EXPECT_THAT(logged,
              ElementsAre(HasSubstr("3 hidden images or folders of images are left out, the first is \".secret\"")))
      << "a folder counts once";
}

TEST_F(Folders, TakeEveryExtensionOfJpeg) {
  std::filesystem::create_directories(folder / "set");
  const auto jpeg = io::encode_jpeg(torch::full({6, 5, 3}, 100, torch::kUInt8));
  for (const char* name : {"0.jpg", "1.jpeg", "2.jfif", "3.JPE"}) real_files().replace(folder / "set" / name, jpeg);
  EXPECT_THAT(names_of("set"), ElementsAre("0.jpg", "1.jpeg", "2.jfif", "3.JPE"));
  EXPECT_TRUE(logged.empty());
  EXPECT_EQ(ImageSource(folder / "set", {.size = 4}).size(), 4);
}

TEST_F(Folders, SayWhatElseLiesInThem) {
  put("set/a.png", 1);
  real_files().replace(folder / "set/readme", "x");
  real_files().replace(folder / "set/scan.bmp", "x");
  EXPECT_THAT(names_of("set"), ElementsAre("a.png"));
  EXPECT_THAT(logged, ElementsAre(HasSubstr("1 images in unsupported formats"),
                                  AllOf(HasSubstr("1 file is no"), HasSubstr("the first is \"readme\""))));
}

}  // namespace
}  // namespace monge::data
