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

TEST(CommittedCheckpoints, ZipAndLegacyHoldWhatMakePyPutIn) {
  const auto weight = torch::arange(6, torch::kFloat32).view({2, 3}) / 4;
  const std::vector<std::pair<std::string, torch::Tensor>> expected = {
      {"weight", weight},
      {"transposed", weight.t()},
      {"half", torch::tensor({0.5f, -2.0f}).to(torch::kFloat16)},
      {"wide", torch::tensor({1e-300}, torch::kFloat64)},
      {"counter", torch::tensor(7, torch::kInt64)},
      {"mask", torch::tensor({1, 0, 1}).to(torch::kBool)}};
  for (const char* name : {"zip.pt", "legacy.pt"}) {
    const auto read = read_torch_checkpoint(fixture(name));
    ASSERT_EQ(read.tensors.size(), expected.size()) << name;
    for (size_t i = 0; i < expected.size(); ++i) {
      const auto& [key, tensor] = read.tensors[i];
      EXPECT_EQ(key, expected[i].first) << name;
      EXPECT_EQ(tensor.scalar_type(), expected[i].second.scalar_type()) << name << ' ' << key;
      EXPECT_TRUE(torch::equal(tensor, expected[i].second)) << name << ' ' << key;
    }
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
