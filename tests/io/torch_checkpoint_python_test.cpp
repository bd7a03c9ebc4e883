// PyTorch reads what we write: torch.load(weights_only=True) and load_state_dict(strict=True), values compared exactly.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstdlib>

#include "monge/io/torch_checkpoint.h"
#include "tests/io/tensors.h"
#include "tests/support/support.h"

namespace monge::io {
namespace {

TEST(TorchCheckpointPython, LoadsWithStrictKeysAndEqualValues) {
  const monge::testing::ScratchFolder scratch;
  const std::vector<std::pair<std::string, std::vector<int64_t>>> shapes{{"0.weight", {4, 3}},
                                                                         {"0.bias", {4}},
                                                                         {"1.weight", {4}},
                                                                         {"1.bias", {4}},
                                                                         {"1.running_mean", {4}},
                                                                         {"1.running_var", {4}},
                                                                         {"1.num_batches_tracked", {}},
                                                                         {"2.weight", {2, 4}}};
  TensorFile net;
  for (const auto& [name, shape] : shapes) {
    const auto dtype = shape.empty() ? torch::kInt64 : torch::kFloat32;
    const auto numel = torch::zeros(shape).numel();
    const auto values = static_cast<double>(net.tensors.size()) + torch::arange(numel, torch::kFloat64) / 8;
    net.tensors.emplace_back(name, values.reshape(shape).to(dtype));
  }
  write_torch_checkpoint(scratch / "net.pt", net);
  write_torch_checkpoint(scratch / "types.pt", monge::testing::tensors_of_all_types());

  const char* named = std::getenv("PEER_PYTHON");
  const auto command = std::string(named ? named : "python3") +
                       " " MONGE_SOURCE_DIR "/tests/io/python_reads_exports.py " + (scratch / "net.pt").string() + ' ' +
                       (scratch / "types.pt").string() + " > " + (scratch / "output").string() + " 2>&1";
  const int status = std::system(command.c_str());

  const auto output = real_files().read(scratch / "output");
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  if (code == 77 || code == 127) GTEST_SKIP() << "needs a Python with torch, named by PEER_PYTHON: " << output;
  EXPECT_EQ(code, 0) << output;
}

}  // namespace
}  // namespace monge::io
