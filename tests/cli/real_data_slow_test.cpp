// Real images from the command line: faces to anime faces, a few iterations with a small net, resumed, and applied.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "monge/io/archive.h"
#include "monge/io/image.h"
#include "tests/cli/program.h"

namespace monge {
namespace {

using testing::monge;

TEST(RealData, FacesToAnimeTrainsResumesAndTranslates) {
  MONGE_NEEDS_SHARED("data/faces64-train.tar");
  testing::ScratchFolder folder;
  const auto data = (testing::shared_folder() / "data").string();
  const std::string recipe = MONGE_SOURCE_DIR "/recipes/quick/images.toml";
  const auto trained =
      monge(folder.path(), "train '" + recipe + "' --out run --set 'source.path=" + data + "/faces64-train.tar'" +
                               " --set 'target.path=" + data + "/anime64-train.tar' --set train.iterations=6" +
                               " --set train.batch=8 --set train.k_t=2 --set eval.every=0 --set map.width=8" +
                               " --set potential.width=8 -q");
  ASSERT_EQ(trained.code, 0) << trained.err;
  const auto resumed = monge(folder.path(), "resume run --set train.iterations=10 --set eval.every=10 --json -q");
  ASSERT_EQ(resumed.code, 0) << resumed.err;
  const auto summary = nlohmann::json::parse(resumed.out);
  EXPECT_EQ(summary["iterations"], 10);
  EXPECT_GT(summary["target_error"], summary["target_floor"]);

  // Images larger than trained keep their size.
  const auto translated = monge(folder.path(), "translate run '" + data + "/faces64-test.tar' out.tar -q");
  ASSERT_EQ(translated.code, 0) << translated.err;
  const auto inputs = io::read_archive(data + "/faces64-test.tar"), outputs = io::read_archive(folder / "out.tar");
  ASSERT_EQ(outputs.size(), inputs.size());
  for (size_t i = 0; i < outputs.size(); ++i) EXPECT_EQ(outputs[i].name, inputs[i].name);
  EXPECT_EQ(io::decode_image(outputs[7].bytes, outputs[7].name).sizes(), torch::IntArrayRef({64, 64, 3}));
}

}  // namespace
}  // namespace monge
