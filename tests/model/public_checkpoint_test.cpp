// Maps from the files of tests/fixtures/checkpoints, which PyTorch wrote by make_checkpoints.py there.
#include "monge/model/public_checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "monge/core/error.h"
#include "monge/io/npy.h"
#include "monge/io/safetensors.h"
#include "monge/io/torch_checkpoint.h"
#include "tests/train/short_run.h"

namespace monge::model {
namespace {

namespace fs = std::filesystem;

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::message_of;
using ::testing::Not;

fs::path fixture(const std::string& name) { return fs::path(MONGE_SOURCE_DIR) / "tests/fixtures/checkpoints" / name; }

/// The difference from what PyTorch's forward pass of the net gave, and everything that was logged.
struct Used {
  double error = 0;
  std::string logged;
};
Used use(const fs::path& path) {
  Used out;
  const auto model =
      load_model(path, torch::kCPU, [&](LogLevel, const std::string& line) { out.logged += line + '\n'; });
  const auto x = io::read_npy(fixture("x.npy")), y = io::read_npy(fixture("y.npy"));
  out.error = testing::relative_error(model.translate(x, 1, RandomStreams(0).at("z", 0)).squeeze(1), y);
  return out;
}

TEST(PublicCheckpoint, EveryFormHoldsTheSameMap) {
  for (const char* name : {"plain.pt", "lightning.ckpt", "objects.pt", "legacy_nested.pth", "whole_net.pt",
                           "protocol4.pt", "averaged.pt", "half.pt", "two_maps.pt?key=T"}) {
    EXPECT_LT(use(fixture(name)).error, 1e-6) << name;  // half, too: the weights are multiples of 1/8
  }
  // The weights at that key are halved, so the outputs differ.
  EXPECT_GT(use(fixture("two_maps.pt?key=T_ema")).error, 1e-2);
}

TEST(PublicCheckpoint, ReadsFilesWithoutCounters) { EXPECT_LT(use(fixture("old.pt")).error, 1e-6); }

TEST(PublicCheckpoint, TellsWhatItTookAndWhatItPassedOver) {
  EXPECT_EQ(use(fixture("plain.pt")).logged, "");
  EXPECT_THAT(
      use(fixture("lightning.ckpt")).logged,
      AllOf(HasSubstr("uses the map (U-net, 2 -> 1 channels, width 1, depth 1) at state_dict.net.module; not used: "
                      "state_dict.critic (potential (ResNet, 1 channel, width 2))"),
            HasSubstr("skips Python objects of mylib.Attributes, mylib.Config, mylib.Mode; nothing in the file "
                      "is executed")));
  EXPECT_THAT(use(fixture("half.pt")).logged, HasSubstr("weights of type Half are used as Float"));
}

TEST(PublicCheckpoint, AsksWhichOfSeveralMapsIsMeant) {
  const auto message = message_of([] { use(fixture("two_maps.pt")); });
  EXPECT_THAT(message, AllOf(HasSubstr("two_maps.pt: holds several maps; choose one of them:"),
                             HasSubstr("two_maps.pt?key=T  a map (U-net, 2 -> 1"),
                             HasSubstr("two_maps.pt?key=T_ema.module  a map"),
                             HasSubstr("two_maps.pt?key=f  a potential (ResNet")));
  EXPECT_THAT(message_of([] { use(fixture("two_maps.pt?key=g")); }),
              AllOf(HasSubstr("holds no network at key=g"), HasSubstr("?key=T ")));
  EXPECT_THAT(message_of([] { use(fixture("two_maps.pt?key=f")); }),
              HasSubstr("holds a potential, but the map T is needed"));
  EXPECT_THAT(message_of([] { use(fixture("two_maps.pt?key=")); }), HasSubstr("no key follows ?key="));
}

TEST(PublicCheckpoint, NamesAPotentialForWhatItIs) {
  EXPECT_THAT(message_of([] { use(fixture("potential.pt")); }),
              AllOf(HasSubstr("potential.pt: holds a potential, but the map T is needed"),
                    HasSubstr("at the top: a potential (ResNet, 1 channel, width 2)")));
}

TEST(PublicCheckpoint, TakesSafetensorsWithoutARecipeAndFilesUnderOddNames) {
  const testing::ScratchFolder scratch;
  const auto content = io::read_torch_checkpoint(fixture("plain.pt"));
  io::write_safetensors(scratch / "bare.safetensors", content);
  EXPECT_LT(use(scratch / "bare.safetensors").error, 1e-6);
  fs::copy_file(scratch / "bare.safetensors", scratch / "wrong.pt");
  EXPECT_LT(use(scratch / "wrong.pt").error, 1e-6);
  for (const char* name : {"what?key=this.pt", "model_best.pth.tar", "pytorch_model.bin"}) {
    fs::copy_file(fixture("plain.pt"), scratch / name);
    EXPECT_LT(use(scratch / name).error, 1e-6) << name;
  }
  auto wide = content;
  for (auto& [key, tensor] : wide.tensors) {
    if (tensor.is_floating_point()) tensor = tensor.to(key.ends_with("bias") ? torch::kBFloat16 : torch::kFloat64);
  }
  io::write_safetensors(scratch / "wide.safetensors", wide);
  const auto used = use(scratch / "wide.safetensors");
  EXPECT_LT(used.error, 1e-6);
  EXPECT_THAT(used.logged, HasSubstr("weights of type BFloat16, Double are used as Float"));
}

TEST(PublicCheckpoint, WarnsOfWeightsThatAreNotFinite) {
  const testing::ScratchFolder scratch;
  auto content = io::read_torch_checkpoint(fixture("plain.pt"));
  content.tensors[0].second = content.tensors[0].second * std::numeric_limits<float>::quiet_NaN();
  io::write_torch_checkpoint(scratch / "nan.pt", content);
  EXPECT_THAT(use(scratch / "nan.pt").logged, HasSubstr("weights of this map are not finite"));
}

TEST(PublicCheckpoint, ListsWhatIsThereWhereNothingIsKnown) {
  const testing::ScratchFolder scratch;
  io::TensorFile file{{{"generator.a", torch::ones(1)}, {"generator.b", torch::ones(1)}, {"step", torch::ones(1)}}};
  io::write_torch_checkpoint(scratch / "other.pt", file);
  std::string logged;
  EXPECT_THAT(message_of([&] {
                load_model(scratch / "other.pt", torch::kCPU,
                           [&](LogLevel, const std::string& line) { logged += line; });
              }),
              HasSubstr("no known network has these keys"));
  EXPECT_THAT(logged, AllOf(HasSubstr("\"generator\" (2 tensors)"), HasSubstr("\"step\" (1 tensor)")));
}

TEST(PublicCheckpoint, PointsFromTheStateOfACheckpointToItsFolder) {
  const train::ShortRun run;
  EXPECT_THAT(message_of([&] { use(run.checkpoints() / "step_000006/state.safetensors"); }),
              AllOf(HasSubstr("is the state of a checkpoint of monge; give the folder"), HasSubstr("step_000006")));
  EXPECT_THAT(message_of([&] { use(fs::path(run.folder.path().string() + "?key=T")); }), HasSubstr("this is a folder"));
  export_safetensors(load_model(run.folder.path(), torch::kCPU, silent()), run.folder / "map.safetensors");
  EXPECT_THAT(message_of([&] { use(run.folder / "map.safetensors?key=T"); }), HasSubstr("this one holds one map"));
}

}  // namespace
}  // namespace monge::model
