// The readers against files that the formats' own libraries write on the spot.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>

#include "monge/io/npy.h"
#include "monge/io/safetensors.h"
#include "monge/io/torch_checkpoint.h"
#include "tests/support/support.h"

namespace monge::io {
namespace {

using monge::testing::message_of;
using ::testing::HasSubstr;

class PythonFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* named = std::getenv("PEER_PYTHON");
    const auto output = scratch_ / "output";
    const auto command = std::string(named ? named : "python3") +
                         " " MONGE_SOURCE_DIR "/tests/io/python_writes_files.py " + scratch_.path().string() + " > " +
                         output.string() + " 2>&1";
    const int status = std::system(command.c_str());
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (code == 77 || code == 127) {
      GTEST_SKIP() << "needs a Python with torch, numpy and safetensors, named by PEER_PYTHON: "
                   << real_files().read(output);
    }
    ASSERT_EQ(code, 0) << real_files().read(output);
  }

  monge::testing::ScratchFolder scratch_;
  const torch::Tensor w_ = torch::arange(6, torch::kFloat32).view({2, 3});
};

TEST_F(PythonFiles, AreReadOrRefusedByName) {
  int good = 0, refused = 0;
  for (const auto& entry : std::filesystem::directory_iterator(scratch_.path())) {
    const auto stem = entry.path().stem().string();
    if (stem.starts_with("good_")) {
      EXPECT_TRUE(torch::equal(read_torch_checkpoint(entry.path()).at("w", stem), w_)) << stem;
      ++good;
    } else if (stem.starts_with("refused_")) {
      EXPECT_THAT(message_of([&] { read_torch_checkpoint(entry.path()); }),
                  HasSubstr("refuses to load the Python object \"" + stem.substr(8) + '"'));
      ++refused;
    }
  }
  EXPECT_EQ(good, 13);
  EXPECT_EQ(refused, 3);
  EXPECT_TRUE(torch::equal(read_torch_checkpoint(scratch_ / "network.pt").at("weight", ""), w_))
      << "a whole network is its state dict";

  const auto views = read_torch_checkpoint(scratch_ / "good_views.pt");
  EXPECT_TRUE(torch::equal(views.at("tied", ""), w_[1]));
  EXPECT_TRUE(torch::equal(views.at("grown", ""), torch::ones({1000})));
  EXPECT_TRUE(torch::equal(read_torch_checkpoint(scratch_ / "transposed.pt").at("w", ""), w_.t()));
  const auto mixed = read_torch_checkpoint(scratch_ / "good_mixed.pt");
  EXPECT_EQ(mixed.at("adam.state.0.exp_avg", "good_mixed.pt").sizes(), w_.sizes());
  EXPECT_EQ(mixed.metadata.at("adam.param_groups.0.betas.1"), "0.999");
  EXPECT_EQ(mixed.metadata.at("device"), "cuda:0");
  EXPECT_EQ(mixed.metadata.at("dtype"), "torch.float16");

  const auto tensors = read_safetensors(scratch_ / "w.safetensors");
  EXPECT_TRUE(torch::equal(tensors.at("w", ""), w_));
  EXPECT_EQ(tensors.metadata.at("format"), "pt");
  EXPECT_TRUE(torch::equal(read_npy(scratch_ / "c.npy"), w_));
  EXPECT_TRUE(torch::equal(read_npy(scratch_ / "f.npy"), w_));
  EXPECT_TRUE(torch::equal(read_npy(scratch_ / "big.npy"), w_));
  EXPECT_THAT(message_of([&] { read_npy(scratch_ / "object.npy"); }), HasSubstr("holds Python objects"));
  EXPECT_EQ(npy_bytes(w_), real_files().read(scratch_ / "c.npy"));
}

}  // namespace
}  // namespace monge::io
