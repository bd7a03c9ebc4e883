// monge info: prints the build and the devices that it can use, and runs a self-test of its numerics.
#include <ATen/Parallel.h>
#include <torch/cuda.h>
#include <torch/types.h>
#include <torch/version.h>

#include <algorithm>
#include <iostream>
#include <memory>

#include "monge/cli/command.h"
#include "monge/cli/embedded_files.h"
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

/// The software of others in this program: what it is for, its licence, and how it comes in.
int print_licences(bool as_json) {
  const auto parts = nlohmann::ordered_json::parse(embedded_file("third_party.json"));
  if (as_json) {
    print_json({{"monge", "MIT"}, {"parts", parts}});
    return kDone;
  }
  size_t name = 0, licence = 0;
  for (const auto& part : parts) {
    name = std::max(name, part["name"].get_ref<const std::string&>().size());
    licence = std::max(licence, part["licence"].get_ref<const std::string&>().size());
  }
  const auto padded = [](std::string text, size_t width) { return text.append(width - text.size() + 2, ' '); };
  std::cout << "monge is under the MIT licence. It is made of:\n\n";
  for (const auto& part : parts) {
    std::cout << padded(part["name"], name) << padded(part["licence"], licence) << part["purpose"].get<std::string>()
              << "; " << part["use"].get<std::string>()
              << (part.contains("optional") ? ", if built with " + part["optional"].get<std::string>() : "") << "\n"
              << std::string(name + 2, ' ') << part["homepage"].get<std::string>()
              << (part.contains("package") ? ", Debian's " + part["package"].get<std::string>() : "") << "\n";
  }
  std::cout << "\nOn Debian /usr/share/doc/PACKAGE/copyright holds the full texts. Versions and packages: "
               "monge.spdx.json of the build."
            << std::endl;
  return kDone;
}

}  // namespace

void add_info(CLI::App& program, Action& action) {
  auto* command = program.add_subcommand("info", "Print build, LibTorch, CUDA and devices, and run a self-test");
  auto common = std::make_shared<Common>();
  auto licences = std::make_shared<bool>(false);
  add_common(*command, *common);
  command->add_flag("--licenses", *licences, "Print the software that the program is made of, with its licences");
  command->callback([&action, common, licences] {
    action = [common, licences] {
      if (*licences) return print_licences(common->json);
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
