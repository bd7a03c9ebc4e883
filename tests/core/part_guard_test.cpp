#include "monge/core/part_guard.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "monge/core/file_name.h"
#include "monge/core/files.h"
#include "tests/support/support.h"

namespace monge {
namespace {

namespace fs = std::filesystem;
using testing::ScratchFolder;

void make(const fs::path& path) { real_files().append(path, "bytes"); }

TEST(PartGuard, RemovesItsFileAloneAndOnlyWhileItLives) {
  const ScratchFolder folder;
  const auto part = folder / "out.part", other = folder / "other.part";
  {
    const PartGuard guard(part);
    make(part), make(other);
    remove_guarded_parts();
    EXPECT_FALSE(fs::exists(part));
    EXPECT_TRUE(fs::exists(other));
  }
  make(part);
  remove_guarded_parts();
  EXPECT_TRUE(fs::exists(part)) << "it may be of another process now";
}

TEST(PartGuard, RemovesSeveralAndLeavesWhatThereIsNoRoomFor) {
  const ScratchFolder folder;
  std::vector<std::unique_ptr<PartGuard>> guards;
  const auto file = [&](int i) { return folder / (std::to_string(i) + ".part"); };
  for (int i = 0; i < 40; ++i) {
    guards.push_back(std::make_unique<PartGuard>(file(i)));
    make(file(i));
  }
  remove_guarded_parts();
  EXPECT_FALSE(fs::exists(file(0)));
  EXPECT_FALSE(fs::exists(file(15)));
  EXPECT_TRUE(fs::exists(file(39)));
  guards.clear();
  const PartGuard again(file(39));
  remove_guarded_parts();
  EXPECT_FALSE(fs::exists(file(39))) << "the room is free again";
}

// The handler runs in any thread, at any time: what it reads must be one path, and not the beginning of one and the end
// of another.
TEST(PartGuard, RemovesNothingElseWhileOtherThreadsWrite) {
  constexpr int kThreads = 3, kTimes = 100'000, kLength = 200, kShorter = 100;
  const ScratchFolder folder;
  const auto mixed = [&](int b) { return folder / (std::string(b, 'b') + std::string(kLength - b, 'a')); };
  for (int b = 1; b <= kShorter; ++b) make(mixed(b));
  const auto longer = folder / std::string(kLength, 'a'), shorter = folder / std::string(kShorter, 'b');
  std::atomic<int> running{kThreads};
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < kTimes; ++k) {
        {
          const PartGuard one(longer);
        }
        const PartGuard two(shorter);
      }
      --running;
    });
  }
  while (running > 0) remove_guarded_parts();
  for (auto& thread : threads) thread.join();
  for (int b = 1; b <= kShorter; ++b) EXPECT_TRUE(fs::exists(mixed(b))) << b;
}

/// Files whose process gets a signal before it publishes.
class Signalled : public Files {
  void publish(const fs::path& from, const fs::path&) const override {
    EXPECT_TRUE(fs::exists(from));
    remove_guarded_parts();
    EXPECT_FALSE(fs::exists(from));
  }
};

TEST(PartGuard, KnowsThePartsOfFilesThatAreWritten) {
  const ScratchFolder folder;
  Signalled().replace(folder / "whole.txt", "bytes");
  const Signalled files;
  PartFile pieces(folder / "pieces.txt", files);
  pieces.append("bytes");
  pieces.publish();
  EXPECT_TRUE(fs::is_empty(folder.path()));
}

}  // namespace
}  // namespace monge
