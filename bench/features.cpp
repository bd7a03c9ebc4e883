// Images per second through the feature nets, on OMP_NUM_THREADS threads. It prints one line of JSON for each pass.
//
//     bench_features torchscript FILE [IMAGES] [SIDE]   bench/features.py does the same from Python
//     bench_features inception [IMAGES]                 variants of InceptionNet, random weights; then with resizing
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <torch/types.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "monge/core/error.h"
#include "monge/eval/inception.h"
#include "monge/eval/inception_net.h"
#include "monge/eval/torchscript_features.h"
#include "monge/io/torch_checkpoint.h"

namespace {

using namespace monge;

constexpr int kPasses = 3;

std::vector<torch::Tensor> noise(int64_t count, int64_t side) {
  torch::manual_seed(1);
  std::vector<torch::Tensor> out;
  for (int64_t i = 0; i < count; ++i) out.push_back(torch::randint(0, 256, {side, side, 3}, torch::kUInt8));
  return out;
}

void measure(const std::string& what, int64_t images, const std::function<void()>& pass) {
  for (int i = 0; i < kPasses; ++i) {
    const auto start = std::chrono::steady_clock::now();
    pass();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    std::printf("{\"net\": \"%s\", \"pass\": %d, \"pictures\": %ld, \"threads\": %d, \"images_per_second\": %.2f}\n",
                what.c_str(), i, static_cast<long>(images), at::get_num_threads(),
                static_cast<double>(images) / took.count());
    std::fflush(stdout);
  }
}

void bench_torchscript(const std::string& file, int64_t images, int64_t side) {
  const eval::TorchScriptFeatures net(file);
  const auto images = noise(images, side);
  measure("torchscript", images, [&] { net.features(images); });
}

void bench_inception(int64_t images) {
  torch::manual_seed(2);
  io::TensorFile state;
  for (const auto& [key, tensor] : nn::state_dict(eval::InceptionNet())) {
    const bool matrix = tensor.dim() > 1;
    const double fan_in = matrix ? static_cast<double>(tensor.numel()) / static_cast<double>(tensor.size(0)) : 1;
    const double scale = matrix ? std::sqrt(2 / fan_in) : 1;
    state.tensors.emplace_back(key, matrix ? torch::randn_like(tensor) * scale : torch::ones_like(tensor));
  }
  const auto measure_variant = [&](const char* name, bool fold, bool channels_last, int64_t batch) {
    eval::InceptionNet net;
    net.load(state.tensors, "random");
    if (fold) net.fold();
    if (channels_last) nn::to_channels_last(net);
    const auto format = channels_last ? torch::MemoryFormat::ChannelsLast : torch::MemoryFormat::Contiguous;
    const auto x = torch::rand({batch, 3, 299, 299}).contiguous(format);
    measure(text("inception ", name, " batch ", batch), images, [&] {
      const c10::InferenceMode inference;
      for (int64_t i = 0; i < images; i += batch) net.forward(x);
    });
  };
  measure_variant("plain", false, false, 4);
  measure_variant("folded", true, false, 4);
  measure_variant("channels-last", false, true, 4);
  for (const int64_t batch : {1, 4, 16}) measure_variant("folded channels-last", true, true, batch);

  const auto file = std::filesystem::temp_directory_path() / "monge-bench-inception.pth";
  io::write_torch_checkpoint(file, state);
  for (const auto mode : {eval::InceptionMode::clean, eval::InceptionMode::legacy}) {
    const eval::InceptionFeatures net(file, mode);
    const auto images = noise(images, 64);
    measure("inception features " + net.mode() + ", 64 x 64", images, [&] { net.features(images); });
  }
  std::filesystem::remove(file);
}

}  // namespace

int main(int argc, char** argv) try {
  const std::vector<std::string> words(argv + 1, argv + argc);
  const auto number = [&](size_t i, int64_t otherwise) { return words.size() > i ? std::stol(words[i]) : otherwise; };
  if (words.size() >= 2 && words[0] == "torchscript") {
    bench_torchscript(words[1], number(2, 64), number(3, 64));
  } else if (!words.empty() && words[0] == "inception") {
    bench_inception(number(1, 16));
  } else {
    std::fprintf(stderr, "bench_features torchscript FILE [IMAGES] [SIDE] | inception [IMAGES]\n");
    return 2;
  }
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
