#include "monge/data/staging_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <optional>

#include "monge/core/file_system.h"
#include "monge/core/files.h"
#include "tests/support/faulty_file_system.h"
#include "tests/support/files.h"
#include "tests/support/support.h"

namespace monge::data {
namespace {

namespace fs = std::filesystem;

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::message_of;
using testing::ScratchFolder;
using testing::write_file;

/// What lies in a folder, hidden files too, sorted.
std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> out;
  for (const auto& entry : fs::directory_iterator(folder)) out.push_back(entry.path().filename().string());
  std::sort(out.begin(), out.end());
  return out;
}

TEST(StagingFolder, IsForOneAtATime) {
  const ScratchFolder scratch;
  std::optional<StagingFolder> first(scratch / "set.part");
  EXPECT_TRUE(fs::is_directory(scratch / "set.part"));
  EXPECT_THAT(message_of([&] { StagingFolder(scratch / "set.part"); }), HasSubstr("another process is packing there"));
  first.reset();
  StagingFolder(scratch / "set.part");
}

TEST(StagingFolder, IsNoLink) {
  const ScratchFolder scratch;
  fs::create_directory(scratch / "elsewhere");
  fs::create_directory_symlink(scratch / "elsewhere", scratch / "set.part");
  EXPECT_THAT(message_of([&] { StagingFolder(scratch / "set.part"); }),
              HasSubstr("set.part: is a symbolic link, but packing needs a real folder there"));
  EXPECT_THAT(names_in(scratch / "elsewhere"), IsEmpty());
}

TEST(StagingFolder, KeepsTheWorkOfTheSamePlanAlone) {
  const ScratchFolder scratch;
  std::vector<std::string> lines;
  const LogSink log = [&](LogLevel, const std::string& line) { lines.push_back(line); };
  const StagingFolder staging(scratch / "set.part");
  EXPECT_FALSE(StagingFolder::has_inputs(staging.folder(), "a"));
  staging.prepare("a", log);
  EXPECT_TRUE(StagingFolder::has_inputs(staging.folder(), "a"));
  write_file(staging.folder() / "pixels-00000.npy", "work");
  staging.prepare("a", log);
  EXPECT_THAT(names_in(staging.folder()), ElementsAre(".lock", ".plan", "pixels-00000.npy"));
  EXPECT_THAT(lines, IsEmpty());
  staging.prepare("b", log);
  EXPECT_THAT(names_in(staging.folder()), ElementsAre(".lock", ".plan"));
  EXPECT_TRUE(StagingFolder::has_inputs(staging.folder(), "b"));
  EXPECT_THAT(lines, ElementsAre(HasSubstr("was begun with other images or options; packing starts again")));
}

// A set is published if it has its manifest, also by the next call for the old inputs.
TEST(StagingFolder, AnAbandonedSetIsNeverTakenForACompleteOne) {
  int64_t count = 1;
  for (bool done = false; !done; ++count) {
    const ScratchFolder scratch;
    fs::create_directory(scratch / "trash");
    const StagingFolder staging(scratch / "set.part");
    staging.prepare("a", silent());
    for (const char* name : {"pixels-00000.npy", "pixels-00001.npy", "names.txt", "manifest.json"})
      real_files().replace(staging.folder() / name, name);
    testing::FaultyFileSystem faulty(scratch / "trash");
    faulty.stop_at(count);
    {
      const ScopedFileSystem scope(faulty);
      try {
        staging.prepare("b", silent());
        done = true;
      } catch (const Error&) {
      }
    }
    faulty.lose(testing::FaultyFileSystem::Loss::content_and_names);
    if (!fs::exists(staging.folder() / "manifest.json")) continue;
    for (const char* name : {"pixels-00000.npy", "pixels-00001.npy", "names.txt"})
      EXPECT_TRUE(fs::exists(staging.folder() / name)) << name << ", stopped at " << faulty.refused();
  }
  EXPECT_GT(count, 6) << "operations";
}

TEST(StagingFolder, DoesNotThrowAwayWhatNoPackingMade) {
  const ScratchFolder scratch;
  fs::create_directory(scratch / "set.part");
  write_file(scratch / "set.part/letter.txt", "dear");
  const StagingFolder staging(scratch / "set.part");
  EXPECT_THAT(message_of([&] { staging.prepare("a", silent()); }),
              HasSubstr("is needed for packing set, but holds other files (letter.txt); choose another DST"));
  EXPECT_EQ(real_files().read(scratch / "set.part/letter.txt"), "dear");
}

TEST(StagingFolder, PublishesTheSetWithoutItsNotes) {
  const ScratchFolder scratch;
  fs::create_directory(scratch / "set");  // an empty folder gives way
  const StagingFolder staging(scratch / "set.part");
  staging.prepare("a", silent());
  for (const char* name : {"manifest.json", "pixels-00000.npy", "shard-00000.record", "half.npy.part"})
    write_file(staging.folder() / name, name);
  staging.publish(scratch / "set");
  EXPECT_THAT(names_in(scratch / "set"), ElementsAre(".plan", "manifest.json", "pixels-00000.npy"));
  EXPECT_TRUE(StagingFolder::has_inputs(scratch / "set", "a")) << "so that a repeated call knows its work";
  EXPECT_FALSE(fs::exists(scratch / "set.part"));
}

}  // namespace
}  // namespace monge::data
