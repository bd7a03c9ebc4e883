#include "monge/core/file_lock.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <optional>

#include "monge/core/unique_fd.h"
#include "tests/support/support.h"

namespace monge {
namespace {

using testing::message_of;

constexpr auto kFile = FileLock::On::file, kFolder = FileLock::On::folder;

/// Two opened files of one process keep each other out as two processes do.
TEST(FileLocks, KeepOthersOutUntilTheyEnd) {
  const testing::ScratchFolder folder;
  const auto path = folder / ".lock";
  const auto take = [&] { return FileLock::take(path, kFile, {.what = "is in use", .where = "the run"}); };
  std::optional<FileLock> first = take();
  EXPECT_TRUE(first->is_open());
  EXPECT_EQ(message_of(take), "the run: is in use");
  FileLock moved = std::move(*first);
  first.reset();
  EXPECT_EQ(message_of(take), "the run: is in use") << "the lock moved";
  moved = FileLock();
  EXPECT_TRUE(take().is_open());
  EXPECT_TRUE(std::filesystem::exists(path)) << "the file stays";
}

TEST(FileLocks, OfAFolderLeaveNoFile) {
  const testing::ScratchFolder folder;
  const auto lock = FileLock::wait(folder.path(), kFolder);
  EXPECT_TRUE(lock.is_open());
  EXPECT_EQ(message_of([&] { FileLock::take(folder.path(), kFolder, {.what = "busy"}); }), "busy");
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(FileLocks, HoldNothingWhereNothingCanBeOpened) {
  const testing::ScratchFolder folder;
  EXPECT_FALSE(FileLock::wait(folder / "absent", kFolder).is_open());
  EXPECT_FALSE(FileLock::take(folder / "absent/file", kFile, {.what = "busy"}).is_open());
  EXPECT_FALSE(FileLock().is_open());
}

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

TEST(UniqueFds, CloseWhatTheyOwnAndNothingElse) {
  UniqueFd owner(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const int fd = owner.get();
  ASSERT_TRUE(owner);
  UniqueFd other = std::move(owner);
  EXPECT_FALSE(owner);
  EXPECT_EQ(other.get(), fd);
  EXPECT_EQ(other.release(), fd);
  EXPECT_TRUE(is_open(fd)) << "given up, not closed";
  other.reset(fd);
  other.reset();
  EXPECT_FALSE(is_open(fd));
  EXPECT_FALSE(UniqueFd(-1));
}

TEST(UniqueFds, LeaveTheReasonOfAFailure) {
  UniqueFd owner(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  errno = ENOSPC;
  owner.reset();
  EXPECT_EQ(errno, ENOSPC);
}

}  // namespace
}  // namespace monge
