#include "monge/run/run_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "monge/core/files.h"
#include "tests/support/support.h"

namespace monge::run {
namespace {

namespace fs = std::filesystem;
using testing::message_of;
using ::testing::HasSubstr;

TEST(RunDirectory, SuggestsACommandThatAShellTakes) {
  const testing::ScratchFolder scratch;
  const auto folder = create_run("", scratch / "my run", {}, torch::kCPU);
  fs::create_directory(folder / "checkpoints/step_000001");
  EXPECT_THAT(message_of([&] { create_run("", folder, {}, torch::kCPU); }),
              HasSubstr("monge resume '" + folder.string() + "'"));
}

}  // namespace
}  // namespace monge::run
