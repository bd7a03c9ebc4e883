// The reader against the files of tests/fixtures, which PyTorch wrote by make.py there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "monge/io/torch_checkpoint.h"
#include "tests/support/support.h"

namespace monge::io {
namespace {

using monge::testing::message_of;
using ::testing::HasSubstr;

std::filesystem::path fixture(const std::string& name) {
  return std::filesystem::path(MONGE_SOURCE_DIR) / "tests/fixtures" / name;
}

TEST(CommittedCheckpoints, ZipLegacyAndThatOfAGpuHoldWhatMakePyPutIn) {
  const auto weight = torch::arange(6, torch::kFloat32).view({2, 3}) / 4;
  const std::vector<std::pair<std::string, torch::Tensor>> expected = {
      {"weight", weight},
      {"transposed", weight.t()},
      {"half", torch::tensor({0.5f, -2.0f}).to(torch::kFloat16)},
      {"wide", torch::tensor({1e-300}, torch::kFloat64)},
      {"counter", torch::tensor(7, torch::kInt64)},
      {"mask", torch::tensor({1, 0, 1}).to(torch::kBool)}};
  for (const char* name : {"zip.pt", "legacy.pt", "gpu.pt"}) {
    const auto read = read_torch_checkpoint(fixture(name));
    ASSERT_EQ(read.tensors.size(), expected.size()) << name;
    for (size_t i = 0; i < expected.size(); ++i) {
      const auto& [key, tensor] = read.tensors[i];
      EXPECT_EQ(key, expected[i].first) << name;
      EXPECT_EQ(tensor.scalar_type(), expected[i].second.scalar_type()) << name << ' ' << key;
      EXPECT_TRUE(tensor.is_cpu()) << name << ' ' << key;  // gpu.pt says cuda:0
      EXPECT_TRUE(torch::equal(tensor, expected[i].second)) << name << ' ' << key;
    }
  }
}

TEST(CommittedCheckpoints, ObjectsAreReadAsWhatTheyHold) {
  const auto read = read_torch_checkpoint(fixture("checkpoints/objects.pt"));
  const auto plain = read_torch_checkpoint(fixture("checkpoints/plain.pt"));
  ASSERT_EQ(read.tensors.size(), plain.tensors.size());
  for (size_t i = 0; i < plain.tensors.size(); ++i) EXPECT_EQ(read.tensors[i].first, "T." + plain.tensors[i].first);
  for (const auto& [key, value] : std::map<std::string, std::string>{
           {"counter.10", "1"},       {"default.1.0", "2"},
           {"deque.1", "2"},          {"sets.0.0", "1"},
           {"sets.1.0", "2"},         {"best", "1.5"},
           {"scalars.0", "0.25"},     {"scalars.1", "-3"},
           {"scalars.2", "True"},     {"scalars.3", "2"},
           {"args.lr", "0.1"},        {"args.out", "/data/out"},
           {"args.device", "cuda:0"}, {"args.type", "torch.float32"},
           {"args.size.1", "3"},      {"config.width", "1"},
           {"config.name", "tiny"},   {"mode.0", "fast"},
           {"version.0", "2.1"},      {"#12", "a key that is neither text nor number"}}) {
    const auto found = read.metadata.find(key);
    ASSERT_NE(found, read.metadata.end()) << key;
    EXPECT_EQ(found->second, value) << key;
  }
  EXPECT_THAT(read.skipped_classes, ::testing::ElementsAre("mylib.Config", "mylib.Mode"));
}

TEST(CommittedCheckpoints, AWholeNetworkGivesItsStateDict) {
  const auto read = read_torch_checkpoint(fixture("checkpoints/whole_net.pt"));
  const auto plain = read_torch_checkpoint(fixture("checkpoints/plain.pt"));
  ASSERT_EQ(read.tensors.size(), plain.tensors.size());
  for (size_t i = 0; i < plain.tensors.size(); ++i) {
    EXPECT_EQ(read.tensors[i].first, "module." + plain.tensors[i].first);
    EXPECT_TRUE(torch::equal(read.tensors[i].second, plain.tensors[i].second)) << plain.tensors[i].first;
  }
}

TEST(CommittedCheckpoints, EvilOnesAreRefusedByName) {
  const std::vector<std::pair<std::string, std::string>> names = {{"evil_call.pt", "posix.system"},
                                                                  {"evil_beside_a_tensor.pt", "__builtin__.eval"},
                                                                  {"evil_nested.pt", "__builtin__.getattr"}};
  for (const auto& [file, name] : names) {
    EXPECT_THAT(message_of([&, &file = file] { read_torch_checkpoint(fixture(file)); }),
                HasSubstr(file + ": refuses to load the Python object \"" + name + '"'));
  }
}

}  // namespace
}  // namespace monge::io
