// The fused operators as the nets call them: on the CPU, through the graph. The kernels are tested in
// ops_kernels_test.cpp.
#include <ATen/Parallel.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/autograd.h>
#include <torch/cuda.h>

#include "bench/checks/kernel_comparison.h"
#include "monge/core/random.h"
#include "monge/nn/ops/avg_pool.h"
#include "monge/nn/ops/batch_norm_relu.h"
#include "monge/nn/ops/group_norm.h"
#include "monge/nn/ops/leaky_residual.h"
#include "monge/nn/ops/upsample_concat.h"
#include "monge/nn/resnet_potential.h"
#include "monge/nn/unet.h"
#include "tests/support/support.h"

namespace monge::nn::ops {
namespace {

using monge::testing::message_of;
using monge::testing::relative_error;
using torch::Tensor;
using Tensors = std::vector<Tensor>;

Tensor image(at::IntArrayRef sizes, int64_t draw = 0) {
  return torch::randn(sizes, RandomStreams(1).at("image", draw)).contiguous(torch::MemoryFormat::ChannelsLast);
}

/// An operator with its inputs: images first, then parameters.
struct Case {
  std::string name;
  Tensors inputs;
  std::function<Tensor(const Tensors&)> reference, fused;
};

BatchNorm norm_of(const Tensors& in, bool training) {
  return {in[1], in[2], torch::zeros_like(in[1]).detach(), torch::ones_like(in[1]).detach(), training};
}

std::vector<Case> cases() {
  const auto weight = torch::rand({12}, RandomStreams(2).at("weight", 0)) + 0.5;
  const auto bias = torch::randn({12}, RandomStreams(2).at("bias", 0));
  std::vector<Case> out;
  for (const bool training : {true, false}) {
    out.push_back({training ? "norm" : "norm in eval mode",
                   {image({3, 12, 6, 5}), weight, bias},
                   [=](const Tensors& in) { return reference_batch_norm_relu(in[0], norm_of(in, training)); },
                   [=](const Tensors& in) { return batch_norm_relu(in[0], norm_of(in, training)); }});
  }
  const auto scale = torch::randn({3, 12}, RandomStreams(2).at("scale", 0));
  const auto shift = torch::randn({3, 12}, RandomStreams(2).at("shift", 0));
  for (const auto activation : {NormActivation::relu, NormActivation::silu}) {
    const auto plain = [=](const Tensors& in) {
      return GroupNorm{.groups = 4, .weight = in[1], .bias = in[2], .activation = activation};
    };
    const auto modulated = [=](const Tensors& in) {
      auto norm = plain(in);
      norm.scale_BC = in[3], norm.shift_BC = in[4];
      return norm;
    };
    const std::string name = activation == NormActivation::relu ? "group norm, relu" : "group norm, silu";
    out.push_back({name,
                   {image({3, 12, 6, 5}), weight, bias},
                   [=](const Tensors& in) { return reference_group_norm(in[0], plain(in)); },
                   [=](const Tensors& in) { return group_norm(in[0], plain(in)); }});
    out.push_back({name + ", modulated",
                   {image({3, 12, 6, 5}), weight, bias, scale, shift},
                   [=](const Tensors& in) { return reference_group_norm(in[0], modulated(in)); },
                   [=](const Tensors& in) { return group_norm(in[0], modulated(in)); }});
  }
  out.push_back({"upsample",
                 {image({2, 6, 9, 8}), image({2, 10, 4, 4}, 1)},
                 [](const Tensors& in) { return reference_upsample_concat(in[0], in[1]); },
                 [](const Tensors& in) { return upsample_concat(in[0], in[1]); }});
  out.push_back({"pool",
                 {image({2, 6, 9, 8})},
                 [](const Tensors& in) { return reference_avg_pool(in[0]); },
                 [](const Tensors& in) { return avg_pool(in[0]); }});
  out.push_back({"leaky",
                 {image({2, 6, 9, 8}), image({2, 6, 9, 8}, 1)},
                 [](const Tensors& in) { return reference_leaky_residual(in[0], in[1], 0.3, 0.2); },
                 [](const Tensors& in) { return leaky_residual(in[0], in[1] * 1, 0.3, 0.2); }});
  return out;
}

Tensors leaves_of(const Case& c, torch::ScalarType type = torch::kFloat32) {
  Tensors out;
  for (const auto& t : c.inputs) out.push_back(t.detach().clone().to(type).requires_grad_(true));
  return out;
}

class Threads : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override { at::set_num_threads(GetParam()); }
  void TearDown() override { at::set_num_threads(1); }
};

TEST_P(Threads, CpuKernelsAgreeWithTheReference) {
  const auto checks = check_kernels(torch::kCPU);
  EXPECT_GT(checks.size(), 50U);
  for (const auto& check : checks) EXPECT_LE(check.error, check.tolerance) << check.name;
}

TEST_P(Threads, OperatorsAreTheSameEveryTime) {
  const auto x = image({8, 48, 20, 20}), top = image({8, 48, 20, 20}, 1);
  const auto run = [&] {
    const auto leaf = x.clone().requires_grad_(true), weight = torch::ones({48}).requires_grad_(true),
               bias = torch::zeros({48}).requires_grad_(true);
    const BatchNorm norm{weight, bias, torch::zeros({48}), torch::ones({48})};
    auto out = torch::autograd::grad({batch_norm_relu(leaf, norm)}, {leaf, weight, bias}, {top});
    out.push_back(norm.running_variance);
    return out;
  };
  const auto once = run();
  for (int again = 0; again < 10; ++again) {
    const auto twice = run();
    for (size_t i = 0; i < once.size(); ++i) ASSERT_TRUE(torch::equal(once[i], twice[i])) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Of, Threads, ::testing::Values(1, 2, 3));

TEST(Operators, HaveTheGradientsOfTheReference) {
  for (const auto& c : cases()) {
    const auto leaves = leaves_of(c), reference_leaves = leaves_of(c);
    const auto y = c.fused(leaves), expected = c.reference(reference_leaves);
    EXPECT_LT(relative_error(y, expected), 1e-6) << c.name;
    // A gradient with another layout than the output.
    const auto top = torch::randn(y.sizes(), RandomStreams(3).at("top", 0));
    const auto found = torch::autograd::grad({y}, leaves, {top});
    const auto wanted = torch::autograd::grad({expected}, reference_leaves, {top});
    for (size_t i = 0; i < found.size(); ++i) EXPECT_LT(relative_error(found[i], wanted[i]), 1e-5) << c.name << i;
    // An expanded gradient, whose strides are zero.
    EXPECT_LT(relative_error(torch::autograd::grad({c.fused(leaves).sum()}, leaves)[0],
                             torch::autograd::grad({c.reference(reference_leaves).sum()}, reference_leaves)[0]),
              2e-5)
        << c.name;
  }
}

// Otherwise all tests would pass with a condition for the fused operator that is never met.
TEST(Operators, TakeTheFusedFormInFloat32AndChannelsLast) {
  for (const auto& c : cases()) {
    const auto is_own = [&](torch::ScalarType type) {
      return ::testing::Matches(::testing::HasSubstr("monge"))(c.fused(leaves_of(c, type)).grad_fn()->name());
    };
    EXPECT_TRUE(is_own(torch::kFloat32)) << c.name;
    EXPECT_FALSE(is_own(torch::kFloat64)) << c.name;
  }
}

TEST(Operators, NormaliseWhatLacksAShift) {
  const auto x = image({3, 12, 6, 5}), shift = torch::randn({12}, RandomStreams(4).at("shift", 0)),
             top = image({3, 12, 6, 5}, 1);
  for (const bool training : {true, false}) {
    for (const bool graph : {true, false}) {
      std::vector<Tensors> results;
      for (const bool apart : {true, false}) {
        const at::AutoGradMode mode(graph);
        const auto leaf = x.clone().requires_grad_(true), weight = torch::full({12}, 1.5).requires_grad_(true),
                   bias = torch::full({12}, 0.2).requires_grad_(true), own = shift.clone().requires_grad_(true);
        BatchNorm norm{weight, bias, torch::full({12}, 0.3), torch::full({12}, 2.0), training};
        if (apart) norm.shift = own;
        const auto y = apart ? batch_norm_relu(leaf, norm) : batch_norm_relu(leaf + own.view({1, -1, 1, 1}), norm);
        results.push_back({y.detach(), norm.running_mean, norm.running_variance});
        if (!graph) continue;
        for (const auto& gradient : torch::autograd::grad({y}, {leaf, weight, bias, own}, {top}))
          results.back().push_back(gradient);
        if (training && !apart) results.back().back().zero_();  // but for rounding
      }
      for (size_t i = 0; i < results[0].size(); ++i) {
        const double scale = std::max(1.0, results[1][i].abs().max().item<double>());
        EXPECT_LT((results[0][i] - results[1][i]).abs().max().item<double>() / scale, 1e-5) << training << graph << i;
      }
    }
  }
}

// The implementation on a GPU for inputs without a kernel.
TEST(Operators, PoolTheSameWithTheBorderLaidAround) {
  for (const auto& [height, width] : {std::pair(9, 8), std::pair(1, 1), std::pair(2, 5)}) {
    const auto x = image({2, 3, height, width}).to(torch::kFloat64).requires_grad_(true);
    const auto y = reference_avg_pool(x), framed = padded_avg_pool(x);
    ASSERT_EQ(framed.sizes(), y.sizes());
    EXPECT_LT(relative_error(framed, y), 1e-12);
    const auto top = torch::randn_like(y).requires_grad_(true), again = torch::randn_like(x);
    const auto found = torch::autograd::grad({framed}, {x}, {top}, true, /*create_graph=*/true)[0];
    const auto wanted = torch::autograd::grad({y}, {x}, {top}, true, /*create_graph=*/true)[0];
    EXPECT_LT(relative_error(found, wanted), 1e-12);
    EXPECT_LT(relative_error(torch::autograd::grad({found}, {top}, {again})[0],
                             torch::autograd::grad({wanted}, {top}, {again})[0]),
              1e-12);
  }
}

TEST(Operators, CanBeDifferentiatedTwice) {
  for (const auto& c : cases()) {
    const auto penalty = [&](const auto& run) {
      const auto leaves = leaves_of(c);
      const auto inner = torch::autograd::grad({run(leaves).pow(2).sum()}, leaves, {}, true, /*create_graph=*/true);
      Tensor sum = torch::zeros({});
      for (const auto& t : inner) sum = sum + t.pow(3).sum();
      return torch::autograd::grad({sum}, leaves);
    };
    const auto expected = penalty(c.reference), found = penalty(c.fused);
    for (size_t i = 0; i < expected.size(); ++i) EXPECT_LT(relative_error(found[i], expected[i]), 1e-4) << c.name << i;
  }
}

TEST(Operators, ComputeNothingThatNobodyAskedFor) {
  for (const auto& c : cases()) {
    for (size_t wanted = 0; wanted < c.inputs.size(); ++wanted) {
      auto leaves = leaves_of(c), reference = leaves_of(c);
      for (size_t i = 0; i < leaves.size(); ++i) {
        leaves[i].requires_grad_(i == wanted);
        reference[i].requires_grad_(i == wanted);
      }
      const auto found = torch::autograd::grad({c.fused(leaves).square().sum()}, {leaves[wanted]})[0];
      const auto expected = torch::autograd::grad({c.reference(reference).square().sum()}, {reference[wanted]})[0];
      EXPECT_LT(relative_error(found, expected), 2e-5) << c.name << wanted;
    }
    auto leaves = leaves_of(c);
    {
      const at::NoGradGuard no_grad;
      EXPECT_LT(relative_error(c.fused(leaves), c.reference(leaves)), 1e-6) << c.name;
      EXPECT_FALSE(c.fused(leaves).requires_grad()) << c.name;
    }
  }
}

// Golden traces are in float64, in which the fused operators must not run.
TEST(Operators, UseTheReferenceForOtherInputs) {
  for (const auto& c : cases()) {
    const auto wide = leaves_of(c, torch::kFloat64);
    EXPECT_TRUE(torch::equal(c.fused(wide), c.reference(wide))) << c.name;
    auto contiguous = leaves_of(c);
    for (auto& t : contiguous) t = t.detach().contiguous().requires_grad_(true);
    EXPECT_LT(relative_error(c.fused(contiguous), c.reference(contiguous)), 1e-6) << c.name;
    const auto half = leaves_of(c, torch::kBFloat16);
    if (c.name.starts_with("norm")) continue;  // parameters of the type of x are not what autocast makes
    EXPECT_TRUE(torch::equal(c.fused(half), c.reference(half))) << c.name;
  }
  const BatchNorm norm{torch::ones({4}), torch::zeros({4}), torch::zeros({4}), torch::ones({4})};
  EXPECT_THAT(message_of([&] { batch_norm_relu(image({1, 4, 1, 1}), norm); }),
              ::testing::HasSubstr("one value per channel has no variance"));
}

TEST(BatchNormRelu, MovesTheRunningStatisticsOfABatchFarFromZero) {
  const auto x = (image({4, 5, 12, 12}) * 0.01 + 300).contiguous(torch::MemoryFormat::ChannelsLast);
  const BatchNorm norm{torch::ones({5}), torch::zeros({5}), torch::zeros({5}), torch::ones({5})};
  batch_norm_relu(x, norm);
  const auto wide = x.to(torch::kFloat64);
  EXPECT_LT(relative_error(norm.running_mean, 0.1 * wide.mean({0, 2, 3})), 1e-6);
  EXPECT_LT(relative_error(norm.running_variance - 0.9, 0.1 * wide.var({0, 2, 3}, /*unbiased=*/true)),
            2e-2);  // of 1e-5
  const BatchNorm evaluated{norm.weight, norm.bias, norm.running_mean.clone(), norm.running_variance.clone(), false};
  batch_norm_relu(x, evaluated);
  EXPECT_TRUE(torch::equal(evaluated.running_mean, norm.running_mean));
}

TEST(BatchNormRelu, KeepsNotANumber) {
  auto x = image({2, 4, 3, 3});
  x[0][1][0][0] = std::nan("");
  const BatchNorm norm{torch::ones({4}), torch::zeros({4}), torch::zeros({4}), torch::ones({4}), false};
  EXPECT_TRUE(torch::isnan(batch_norm_relu(x, norm)[0][1][0][0]).item<bool>());
}

// What a GPU's autocast makes where there is no kernel: images and modulation in bfloat16, parameters in float32.
TEST(GroupNorm, TheReferenceTakesMixedTypesAndReturnsThatOfTheImages) {
  const auto weight = torch::rand({12}) + 0.5, bias = torch::randn({12}), scale = torch::randn({3, 12});
  const auto x = image({3, 12, 6, 5}), narrow = x.to(torch::kBFloat16), narrow_scale = scale.to(torch::kBFloat16);
  const auto wide = [](const Tensor& t) { return t.to(torch::kFloat64); };
  const auto expected =
      reference_group_norm(wide(narrow), {4, wide(weight), wide(bias), wide(narrow_scale), wide(narrow_scale)});
  for (const bool graph : {true, false}) {  // without the gradient of x the operator takes another way
    const auto leaf = narrow.detach().clone().requires_grad_(graph);
    const auto y = reference_group_norm(leaf, {4, weight, bias, narrow_scale, narrow_scale});
    EXPECT_EQ(y.scalar_type(), torch::kBFloat16);
    EXPECT_TRUE(y.is_contiguous(torch::MemoryFormat::ChannelsLast));
    EXPECT_LT(relative_error(y, expected), 0x1p-7);
  }
}

TEST(LeakyResidual, TakesTheMemoryOfWhatItIsGiven) {
  const auto shortcut = image({2, 6, 5, 5}).requires_grad_(true), dx = image({2, 6, 5, 5}, 1).requires_grad_(true);
  const auto given = dx * 2;
  const void* memory = given.data_ptr();
  const auto y = leaky_residual(shortcut, given, 0.1, 0.2);
  EXPECT_EQ(y.data_ptr(), memory);
  // A leaf, a view and the shortcut itself keep their values.
  const auto before = dx.detach().clone();
  leaky_residual(shortcut, dx, 0.1, 0.2);
  const auto wide = image({2, 12, 5, 5}), part = image({2, 6, 10, 5}).narrow(2, 0, 5);
  leaky_residual(wide.narrow(0, 0, 1), wide.narrow(0, 1, 1), 0.1, 0.2);
  EXPECT_TRUE(torch::equal(dx, before));
  EXPECT_TRUE(torch::equal(wide, image({2, 12, 5, 5})));
  EXPECT_TRUE(torch::equal(leaky_residual(part, part, 0.1, 0.2), reference_leaky_residual(part, part, 0.1, 0.2)));
}

// The nets take the fused operators in float32 and channels_last, and the reference implementations in float64.
template <class Net>
void compare_with_float64(Net& net, const Tensor& x) {
  const auto run = [&](torch::ScalarType type) {
    to_type(net, type);
    to_channels_last(net);
    const auto input = x.to(type).contiguous(torch::MemoryFormat::ChannelsLast).requires_grad_(true);
    Tensors of{input};
    for (const auto& p : net.parameters()) of.push_back(p);
    const auto y = net.forward(input);
    auto out = torch::autograd::grad({y.square().mean() * 100}, of);
    out.push_back(y.detach());
    for (const auto& b : net.buffers()) out.push_back(b.detach().clone());
    return out;
  };
  const auto clean = [&] {
    for (const auto& b : net.named_buffers()) {
      const at::NoGradGuard no_grad;
      b.value().fill_(b.key().find("running_var") != std::string::npos ? 1 : 0);
    }
  };
  const auto found = run(torch::kFloat32);
  clean();
  const auto expected = run(torch::kFloat64);
  for (size_t i = 0; i < found.size(); ++i) {
    // The gradient of a convolution's bias before batch norm is mere rounding.
    const double scale = std::max(expected[i].abs().max().template item<double>(), 1.0);
    EXPECT_LT((found[i].to(torch::kFloat64) - expected[i]).abs().max().template item<double>() / scale, 1e-3) << i;
  }
}

TEST(Operators, LeaveTheMapAsItWas) {
  torch::manual_seed(1);
  UNet net({.in = 4, .base = 8});
  compare_with_float64(net, torch::randn({3, 4, 35, 32}));
}

TEST(Operators, LeaveThePotentialAsItWas) {
  torch::manual_seed(1);
  ResNetPotential net({.size = 32, .nfilter = 8, .nfilter_max = 32});
  compare_with_float64(net, torch::randn({3, 3, 32, 32}));
}

TEST(GpuKernels, AgreeWithTheReference) {
  if (!torch::cuda::is_available()) GTEST_SKIP() << "needs a GPU, and there is none";
  if (!cuda_kernels()) GTEST_SKIP() << "needs a build with MONGE_CUDA";
  for (const auto& check : check_kernels(torch::kCUDA)) {
    EXPECT_LE(check.error, check.tolerance) << check.name;
  }
}

}  // namespace
}  // namespace monge::nn::ops
