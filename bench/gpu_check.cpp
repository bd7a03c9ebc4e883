// gpu_check: runs the checks of bench/checks on one device; needs LibTorch alone. It prints one JSON object per line:
// {"begin": NAME} before each check, then its outcomes, so that a reader knows which check a crash belongs to.
//
//   gpu_check [--device auto|cpu|cuda] [--threads N] [--skip NAME ...]     exit code 1 when one fails
#include <ATen/Parallel.h>
#include <torch/cuda.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "bench/checks/check.h"
#include "monge/core/error.h"
#include "monge/core/named_values.h"

namespace monge::bench {
namespace {

void print(const NamedValues& record) {
  std::printf("%s\n", json_line(record).c_str());
  std::fflush(stdout);
}

std::vector<Outcome> done(const Check& check, torch::Device device) {
  try {
    return check.run(device);
  } catch (const std::exception& error) {
    return {outcome_of("", false, error.what())};
  }
}

/// @return whether nothing failed.
bool run(const Check& check, torch::Device device) {
  const auto maybe = [](const auto& value) { return value ? NamedValue(*value) : NamedValue(nullptr); };
  print({{"begin", check.name}});
  const auto began = std::chrono::steady_clock::now();
  bool passed = true;
  const auto outcomes = done(check, device);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  for (const auto& o : outcomes) {
    print({{"check", o.name.empty() ? check.name : check.name + ": " + o.name},
           {"passed", maybe(o.passed)},
           {"error", maybe(o.error)},
           {"tolerance", maybe(o.tolerance)},
           {"ms", maybe(o.ms)},
           {"plain_ms", maybe(o.reference_ms)},
           {"note", o.note}});
    passed = passed && o.passed.value_or(true);
  }
  print({{"end", check.name}, {"seconds", seconds}});
  return passed;
}

int all(const std::vector<std::string>& words) {
  std::string device_name = "auto";
  std::vector<std::string> skip;
  for (size_t i = 0; i < words.size(); ++i) {
    const auto& word = words[i];
    require(i + 1 < words.size(), word, " needs a value");
    if (word == "--device") {
      device_name = words[++i];
    } else if (word == "--threads") {
      at::set_num_threads(std::atoi(words[++i].c_str()));
    } else if (word == "--skip") {
      skip.push_back(words[++i]);
    } else {
      throw InputError(text("unknown option ", word, "; bench/gpu_check.cpp lists them"));
    }
  }
  require(device_name != "cuda" || torch::cuda::is_available(),
          "--device cuda: there is no CUDA device, or this build has no CUDA");
  const bool cuda = device_name != "cpu" && torch::cuda::is_available();
  const auto device = cuda ? torch::Device(torch::kCUDA, 0) : torch::Device(torch::kCPU);
  bool passed = true;
  for (const auto& list : {kernel_checks(), device_checks(), net_checks(), training_checks()}) {
    for (const auto& check : list) {
      if (std::find(skip.begin(), skip.end(), check.name) == skip.end()) passed = run(check, device) && passed;
    }
  }
  return passed ? 0 : 1;
}

}  // namespace
}  // namespace monge::bench

int main(int count, char** words) {
  try {
    return monge::bench::all({words + 1, words + count});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gpu_check: %s\n", error.what());
    return 2;
  }
}
