// monge info: prints the build and the devices that it can use, and runs a self-test of its numerics.
#include <ATen/Parallel.h>
#include <torch/cuda.h>
#include <torch/types.h>
#include <torch/version.h>

#include <iostream>
#include <memory>

#include "monge/cli/command.h"
#include "monge/core/random.h"
#include "monge/core/version.h"
#include "monge/nn/resnet_potential.h"
#include "monge/nn/seeded.h"
#include "monge/nn/unet.h"

namespace monge::cli {
namespace {

/// The relative difference between the gradients of a UNet and a potential in float64 and in float32; it must be small.
double self_test(torch::Device device) {
  const nn::SeededInitialisation seeded(1);
  nn::UNet map({.in = 3, .out = 3, .base = 4});
  nn::ResNetPotential potential({.size = 16, .nfilter = 4, .nfilter_max = 8});
  const auto x = torch::randn({2, 3, 16, 16}, RandomStreams(1).at("self-test", 0));
  const auto gradient = [&](torch::ScalarType type) {
    for (torch::nn::Module* net :
         {static_cast<torch::nn::Module*>(&map), static_cast<torch::nn::Module*>(&potential)}) {
      net->to(device);
      nn::to_type(*net, type);
      net->eval();
    }
    const auto input = x.to(device, type).requires_grad_(true);
    potential.forward(map.forward(input)).sum().backward();
    return input.grad().cpu().to(torch::kFloat64);
  };
  const auto wide = gradient(torch::kFloat64), narrow = gradient(torch::kFloat32);
  return ((wide - narrow).norm() / wide.norm()).item<double>();
}

}  // namespace

void add_info(CLI::App& program, Action& action) {
  auto* command = program.add_subcommand("info", "Print build, LibTorch, CUDA and devices, and run a self-test");
  auto common = std::make_shared<Common>();
  add_common(*command, *common);
  command->callback([&action, common] {
    action = [common] {
      session::set_threads(compute_for(*common));
      const auto device = session::choose_device(compute_for(*common));
      nlohmann::ordered_json devices = nlohmann::ordered_json::array({"cpu"});
      for (int i = 0; torch::cuda::is_available() && i < torch::cuda::device_count(); ++i) {
        devices.push_back("cuda:" + std::to_string(i));
      }
#ifdef MONGE_CUDA
      const bool cuda_build = true;
#else
      const bool cuda_build = false;
#endif
      const double error = self_test(device);
      const bool passed = error < 1e-4;
      const nlohmann::ordered_json info{{"version", version()},
                                        {"libtorch", TORCH_VERSION},
                                        {"cuda", cuda_build},
                                        {"devices", devices},
                                        {"threads", at::get_num_threads()},
                                        {"cpu", at::get_cpu_capability()},
                                        {"self_test", passed ? "passed" : "failed"},
                                        {"self_test_error", error}};
      if (common->json) {
        print_json(info);
      } else {
        std::cout << "monge      " << version() << "\nLibTorch   " << TORCH_VERSION << "\nCUDA build "
                  << (cuda_build ? "yes" : "no") << "\ndevices    " << devices.dump() << "\nCPU        "
                  << at::get_cpu_capability() << ", " << at::get_num_threads() << " threads\nself-test  "
                  << (passed ? "passed" : "FAILED") << " on " << device.str() << " (float32 against double: " << error
                  << ")" << std::endl;
      }
      return int{passed ? kDone : kFailure};
    };
  });
}

}  // namespace monge::cli
