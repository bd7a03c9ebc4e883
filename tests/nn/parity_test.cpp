// Every number of reference nets: outputs, gradients, running statistics and one Adam step of nets that are restored
// from files as the public codes save them. Small ones are in tests/fixtures (make_nets.py), larger ones in ../shared.
#include <gtest/gtest.h>
#include <torch/optim/adam.h>
#include <torch/types.h>

#include <map>

#include "monge/io/safetensors.h"
#include "monge/io/torch_checkpoint.h"
#include "monge/nn/infer.h"
#include "tests/support/support.h"

namespace monge::nn {
namespace {

using monge::testing::fixtures_folder;
using monge::testing::relative_error;
using monge::testing::shared_folder;

struct Case {
  std::string state, golden;
};

void PrintTo(const Case& parity, std::ostream* out) { *out << parity.state << " against " << parity.golden; }

/// A net of either kind with one interface.
class Restored {
 public:
  Restored(const NamedTensors& state, const std::string& where) {
    if (std::holds_alternative<UNetOptions>(infer_architecture(state, where))) {
      map_ = map_from_state(state, where);
    } else {
      potential_ = potential_from_state(state, where);
    }
  }

  torch::Tensor forward(const torch::Tensor& input, const torch::Tensor& sigma) {
    return map_ ? map_->forward(input) : potential_->forward(input, sigma).unsqueeze(1);  // the public f is [B, 1]
  }

  torch::nn::Module& module() { return map_ ? static_cast<torch::nn::Module&>(*map_) : *potential_; }

 private:
  std::shared_ptr<MapNet> map_;
  std::shared_ptr<PotentialNet> potential_;
};

void expect_parity(const std::filesystem::path& folder, const Case& parity) {
  std::map<std::string, torch::Tensor> golden;
  for (const auto& [key, tensor] : io::read_safetensors(folder / parity.golden).tensors) golden[key] = tensor;
  Restored net(io::read_torch_checkpoint(folder / parity.state).tensors, parity.state);
  const auto input = golden.at("input");
  const auto sigma = golden.count("sigma") ? golden["sigma"] : torch::Tensor();
  const bool wide = input.scalar_type() == torch::kFloat64;
  to_type(net.module(), input.scalar_type());
  const double tolerance = wide ? 1e-10 : 1e-5;
  // The gradient of a bias before batch norm is mere rounding, from which Adam makes a step of +-lr.
  const auto is_round_off = [](const std::string& key) {
    return key.ends_with("double_conv.0.bias") || key.ends_with("double_conv.3.bias");
  };

  {
    const at::NoGradGuard no_grad;
    EXPECT_LT(relative_error(net.forward(input, sigma), golden.at("y_eval")), tolerance);
  }
  net.module().train();
  torch::optim::Adam adam(net.module().parameters(), torch::optim::AdamOptions(1e-4).weight_decay(1e-10));
  const auto x = input.clone().requires_grad_();
  const auto y_train = net.forward(x, sigma);
  EXPECT_LT(relative_error(y_train, golden.at("y_train")), tolerance);
  const auto loss = (y_train * golden.at("w")).sum();
  EXPECT_NEAR(loss.item<double>(), golden.at("loss").item<double>(),
              tolerance * (y_train * golden.at("w")).abs().sum().item<double>());
  loss.backward();
  EXPECT_LT(relative_error(x.grad(), golden.at("grad_input")), 10 * tolerance);
  adam.step();

  size_t compared = 5 + (sigma.defined() ? 1 : 0);
  for (const auto& entry : net.module().named_parameters()) {
    compared += 2;
    if (!is_round_off(entry.key())) {
      EXPECT_LT(relative_error(entry->grad(), golden.at("grad/" + entry.key())), 10 * tolerance) << entry.key();
    }
    const double step_error = (entry->detach() - golden.at("adam/" + entry.key())).abs().max().item<double>();
    EXPECT_LT(step_error, is_round_off(entry.key()) ? (wide ? 1e-8 : 2.1e-4) : (wide ? 1e-10 : 5e-6)) << entry.key();
  }
  for (const auto& entry : net.module().named_buffers()) {
    ++compared;
    EXPECT_LT(relative_error(entry->reshape(-1), golden.at("bn/" + entry.key()).reshape(-1)), tolerance) << entry.key();
  }

  net.module().eval();
  const at::NoGradGuard no_grad;
  EXPECT_LT(relative_error(net.forward(input, sigma), golden.at("y_eval_after")), wide ? 1e-8 : 1e-3);
  EXPECT_EQ(compared + 2, golden.size()) << "a golden value was not compared";  // 2: w and y_eval_after
}

class CommittedNets : public ::testing::TestWithParam<std::string> {};

TEST_P(CommittedNets, HoldForOutputsGradientsStatisticsAndAnAdamStep) {
  expect_parity(fixtures_folder() / "parity", {GetParam() + ".state.pt", GetParam() + ".safetensors"});
}

INSTANTIATE_TEST_SUITE_P(Small, CommittedNets,
                         ::testing::Values("unet_c4_b1_d4_f64", "unet_c3_b8_d1_f32", "resnetd_16_f4_m8_f64",
                                           "condresnetd_16_f4_m8_f32"),
                         [](const auto& info) { return info.param; });

class Parity : public ::testing::TestWithParam<Case> {};

TEST_P(Parity, HoldsForOutputsGradientsStatisticsAndAnAdamStep) {
  MONGE_NEEDS_SHARED("fixtures/parity");
  expect_parity(shared_folder() / "fixtures/parity", GetParam());
}

INSTANTIATE_TEST_SUITE_P(ReferenceNets, Parity,
                         ::testing::Values(Case{"unet_c3_b4_32.state.pt", "unet_c3_b4_32.io.safetensors"},
                                           Case{"unet_c4_b4_32.state.pt", "unet_c4_b4_32.io.safetensors"},
                                           Case{"unet_c4_b4_32.state.pt", "unet_c4_b4_50.io.safetensors"},
                                           Case{"unet_c3_b2_32.state.pt", "unet_c3_b2_32.io64.safetensors"},
                                           Case{"unet_c3_b2_32.dp.state.pt", "unet_c3_b2_32.io64.safetensors"},
                                           Case{"resnetd_32_f8_m32.state.pt", "resnetd_32_f8_m32.io.safetensors"},
                                           Case{"resnetd_32_f4_m16.state.pt", "resnetd_32_f4_m16.io64.safetensors"},
                                           Case{"condresnetd_32_f4_m16.state.pt",
                                                "condresnetd_32_f4_m16.io.safetensors"}));

}  // namespace
}  // namespace monge::nn
