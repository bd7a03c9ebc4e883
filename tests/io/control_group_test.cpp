#include "monge/io/control_group.h"

#include <gtest/gtest.h>

#include "tests/support/files.h"
#include "tests/support/support.h"

namespace monge::io {
namespace {

namespace fs = std::filesystem;
using testing::write_file;

/// Folders that imitate /proc/self/cgroup and /sys/fs/cgroup.
class ControlGroup : public ::testing::Test {
 protected:
  void group(const std::string& path, const std::string& file, const std::string& limit) const {
    fs::create_directories(folder.path() / "mount" / path);
    write_file(folder.path() / "mount" / path / file, limit + "\n");
  }
  int64_t memory(const std::string& list) const {
    write_file(folder / "list", list);
    return control_group_memory(folder / "list", folder / "mount");
  }

  testing::ScratchFolder folder;
};

TEST_F(ControlGroup, HasTheLeastLimitOfItsParents) {
  group("job", "memory.max", "3000");
  group("job/step", "memory.max", "max");
  group("job/step/task", "memory.max", "5000");
  group("other", "memory.max", "10");
  EXPECT_EQ(memory("0::/job/step/task\n"), 3000);
  EXPECT_EQ(memory("0::/job/step\n"), 3000);
  group("job/step/task", "memory.max", "2000");
  EXPECT_EQ(memory("0::/job/step/task\n"), 2000);
  EXPECT_EQ(memory("0::/job/step\n"), 3000) << "what is below it does not count";
  EXPECT_EQ(memory("0::/\n"), 0);
}

TEST_F(ControlGroup, OfVersion1IsThatOfTheMemoryController) {
  group("memory/slurm", "memory.limit_in_bytes", "9223372036854771712");
  group("memory/slurm/job", "memory.limit_in_bytes", "4000");
  group("memory/cpu", "memory.limit_in_bytes", "10");
  EXPECT_EQ(memory("3:cpu,cpuacct:/cpu\n2:name=systemd:/cpu\n1:pids,memory:/slurm/job\n0::/\n"), 4000);
  EXPECT_EQ(memory("1:memory:/slurm\n"), 9223372036854771712) << "how version 1 says that there is none";
}

TEST_F(ControlGroup, OfAContainerIsTheRootOfItsMount) {
  group(".", "memory.max", "6000");
  EXPECT_EQ(memory("0::/docker/0123456789\n"), 6000);
  EXPECT_EQ(memory("0::/../../job\n"), 6000);
  EXPECT_EQ(memory(""), 6000);
  group("memory", "memory.limit_in_bytes", "5000");
  EXPECT_EQ(memory("0::/docker/0123456789\n"), 5000);
}

TEST_F(ControlGroup, MayBeAbsentOrUnreadable) {
  EXPECT_EQ(memory("0::/job\n"), 0);
  EXPECT_EQ(memory("no list\n:\n::\n"), 0);
  EXPECT_EQ(control_group_memory(folder / "absent", folder / "absent"), 0);
  EXPECT_GE(control_group_memory(), 0);
}

}  // namespace
}  // namespace monge::io
