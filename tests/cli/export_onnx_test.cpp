// monge export --to onnx, from outside.
#include <torch/types.h>

#include "monge/io/npy.h"
#include "tests/cli/fixture.h"

namespace monge {
namespace {

TEST_F(Cli, ExportsAGraph) {
  ASSERT_EQ(monge(folder.path(), "train v.toml --out run -q").code, 0);
  auto result = monge(folder.path(), "export run --to onnx");
  ASSERT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, "map.onnx\n");
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(testing::slurp(folder / "map.onnx"), HasSubstr("monge.recipe"));
  result = monge(folder.path(), "export run --to onnx --out graphs/weak.onnx --opset 21 --json");
  ASSERT_EQ(result.code, 0) << result.err;
  auto line = json::parse(result.out);
  EXPECT_EQ(line["out"], "graphs/weak.onnx");
  EXPECT_EQ(line["opset"], 21);
  EXPECT_EQ(line["inputs"], (json{"x", "noise"}));
  EXPECT_EQ(line["outputs"], json::array({"y"}));
  EXPECT_EQ(line["replaced"], 0);
  result = monge(folder.path(), "export run --to onnx --deterministic --json");
  line = json::parse(result.out);
  EXPECT_EQ(line["inputs"], json::array({"x"}));
  EXPECT_EQ(line["replaced"], 1);
  EXPECT_THAT(monge(folder.path(), "export run --to onnx").err, HasSubstr("map.onnx: replaced the existing file"));
}

TEST_F(Cli, RefusesAGraphThatCannotBe) {
  ASSERT_EQ(monge(folder.path(), "train v.toml --out run -q").code, 0);
  const std::pair<const char*, const char*> cases[] = {
      {"--to onnx --out map.safetensors", "--out map.safetensors: the name must end in .onnx for --to onnx"},
      {"--to onnx --out run/best/map.onnx", "is a checkpoint"},
      {"--to onnx --inverse", "has no inverse map; train with train.directions = \"both\""},
      {"--to onnx --float64",
       "has no standardisation (data.standardise) and takes float32 throughout; leave out --float64"},
      {"--to onnx --z-std 1", "this model's recipe sets the standard deviation of its noise"},
      {"--to onnx --opset 16", "16 not in range"},
      {"--to torch --deterministic", "--deterministic is for --to onnx"},
      {"--inverse", "--inverse is for --to onnx"},
      {"--opset 18", "--opset is for --to onnx"},
  };
  for (const auto& [arguments, phrase] : cases) {
    const auto result = monge(folder.path(), std::string("export run ") + arguments);
    EXPECT_EQ(result.code, 2) << arguments;
    EXPECT_THAT(result.err, HasSubstr(phrase)) << arguments;
  }
  EXPECT_FALSE(fs::exists(folder / "map.onnx"));
}

TEST_F(Cli, WarnsOfWhatAGraphLeavesOut) {
  io::write_npy(folder / "far.npy",
                torch::rand({300, 2}, torch::kFloat64) + torch::tensor({0., 1.75e9}, torch::kFloat64));
  const std::string far =
      " --set method=strong --set source.path=far.npy --set target.path=far.npy --set data.standardise=joint";
  ASSERT_EQ(monge(folder.path(), "train v.toml --out far -q" + far).code, 0);
  EXPECT_THAT(monge(folder.path(), "export far --to onnx").err,
              HasSubstr("map.onnx: column 2 lies so far from 0 that float32 rounds off digits that matter; --float64"));
  EXPECT_EQ(monge(folder.path(), "export far --to onnx --float64 -q").err, "");
  ASSERT_EQ(monge(folder.path(), "train v.toml --out kept -q --set method=strong --set unbalanced.source=kl").code, 0);
  EXPECT_THAT(monge(folder.path(), "export kept --to onnx").err,
              HasSubstr("holds the map alone, without the potential that gives unbalanced samples their weights"));
}

}  // namespace
}  // namespace monge
