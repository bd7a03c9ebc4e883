// bench_step: times solvers on synthetic batches; needs LibTorch alone. Its option keys are those of
// solve::SolverOptions. It prints one JSON object per recipe: the recipe's assignments as "recipe", then the keys of
// `monge bench --json`.
//
//   bench_step [--job] [--device auto|cpu|cuda] [--threads N] [--shape D | --shape C H W] [--iterations N] [--warm N]
//              [--profile] section.key=value ... [--and section.key=value ...]
//
// --job runs as a job of one rank: gradients and metrics go through monge/dist, on a GPU through NCCL.
// --and begins another recipe: the previous one with the assignments that follow.
// --profile also prints, for a GPU, the slowest kernels of an iteration, one object each: "kernel", "ms", "launches".
#include <ATen/Parallel.h>
#include <torch/cuda.h>

#ifdef MONGE_CUDA
#include <torch/csrc/autograd/profiler_kineto.h>
#endif

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <map>

#include "monge/core/error.h"
#include "monge/dist/nccl.h"
#include "monge/solve/bench.h"
#include "monge/solve/nets.h"
#include "monge/solve/precision.h"
#include "monge/solve/settings.h"

namespace monge {
namespace {

struct Command {
  std::string device = "auto";
  int64_t threads = 0;
  bool job = false;
  std::vector<int64_t> shape{2};
  solve::BenchOptions timing;
  bool profile = false;
  std::vector<std::vector<std::string>> recipes{{}};  ///< assignments of each
};

int64_t whole(const std::string& word, const std::string& option, int64_t least) {
  int64_t out = 0;
  const auto read = std::from_chars(word.data(), word.data() + word.size(), out);
  require(read.ec == std::errc() && read.ptr == word.data() + word.size() && out >= least, option, " ", word,
          ": expected a whole number, at least ", least);
  return out;
}

Command parse(const std::vector<std::string>& words) {
  Command out;
  for (size_t i = 0; i < words.size(); ++i) {
    const auto& word = words[i];
    const auto value = [&]() -> const std::string& {
      require(i + 1 < words.size(), word, " needs a value");
      return words[++i];
    };
    if (word == "--device") {
      out.device = value();
    } else if (word == "--job") {
      out.job = true;
    } else if (word == "--threads") {
      out.threads = whole(value(), word, 0);
    } else if (word == "--iterations") {
      out.timing.iterations = whole(value(), word, 1);
    } else if (word == "--warm") {
      out.timing.warm = whole(value(), word, 0);
    } else if (word == "--shape") {
      out.shape.clear();
      while (i + 1 < words.size() && words[i + 1].find_first_not_of("0123456789") == std::string::npos) {
        out.shape.push_back(whole(value(), word, 1));
      }
      require(out.shape.size() == 1 || out.shape.size() == 3, "--shape takes D for vectors or C H W for images");
    } else if (word == "--profile") {
      out.profile = true;
    } else if (word == "--and") {
      out.recipes.push_back(out.recipes.back());
    } else {
      require(!word.starts_with("-"), "unknown option ", word, "; bench/step.cpp lists them");
      out.recipes.back().push_back(word);
    }
  }
  return out;
}

torch::Device device_named(const std::string& name) {
  require(name == "auto" || name == "cpu" || name == "cuda", "--device ", name, ": allowed are auto, cpu and cuda");
  require(name != "cuda" || torch::cuda::is_available(),
          "--device cuda: there is no CUDA device, or this build has no CUDA");
  return name != "cpu" && torch::cuda::is_available() ? torch::Device(torch::kCUDA, 0) : torch::Device(torch::kCPU);
}

#ifdef MONGE_CUDA
void print_kernels(const solve::SolverOptions& recipe, const std::vector<int64_t>& shape,
                   const solve::BatchProvider& batches, torch::Device device) {
  namespace profiler = torch::autograd::profiler;
  using torch::profiler::impl::ActivityType;
  const auto nets = solve::make_nets(recipe, shape, shape);
  int64_t dim = 1;
  for (const int64_t extent : shape) dim *= extent;
  solve::Solver solver(recipe, nets.map, nets.ema, nets.potential, dim, device);
  constexpr int64_t kWarm = 5;
  for (int64_t k = 0; k < kWarm; ++k) solver.outer_iteration(k, batches);
  const torch::profiler::impl::ProfilerConfig config(torch::profiler::impl::ProfilerState::KINETO);
  const std::set<ActivityType> activities{ActivityType::CUDA};
  profiler::prepareProfiler(config, activities);
  profiler::enableProfiler(config, activities);
  solver.outer_iteration(kWarm, batches);
  torch::cuda::synchronize();
  const auto found = profiler::disableProfiler();
  std::map<std::string, std::pair<double, int64_t>> kernels;
  for (const auto& event : found->events()) {
    if (event.deviceType() != torch::kCUDA) continue;
    auto& [ms, launches] = kernels[event.name()];
    ms += 1e-6 * static_cast<double>(event.durationNs());
    ++launches;
  }
  std::vector<std::pair<std::string, std::pair<double, int64_t>>> order(kernels.begin(), kernels.end());
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.second.first > b.second.first; });
  constexpr size_t kMost = 40;
  for (size_t i = 0; i < std::min(kMost, order.size()); ++i) {
    const NamedValues record{
        {"kernel", order[i].first}, {"ms", order[i].second.first}, {"launches", order[i].second.second}};
    std::printf("%s\n", json_line(record).c_str());
  }
}
#endif

void run(const Command& command) {
  const auto device = device_named(command.device);
  if (command.threads > 0) at::set_num_threads(static_cast<int>(command.threads));
  solve::keep_freed_memory();
  const std::atomic<bool> stop{false};
  const auto job = command.job ? dist::make_nccl_group_of_one(device) : nullptr;
  auto& group = job ? *job : dist::ProcessGroup::single();
  for (const auto& assignments : command.recipes) {
    solve::SolverOptions recipe;
    solve::assign(recipe, assignments);
    solve::make_synthetic(recipe);
    solve::validate(recipe);
    recipe.train.precision = solve::resolve_precision(recipe.train.precision, device);
    solve::apply_settings(recipe.train, device);
    const auto batches = solve::synthetic_batches(recipe, command.shape, device);
    const auto result = solve::bench(recipe, command.shape, batches, device, command.timing, stop, group);
    std::string named;
    for (const auto& assignment : assignments) named += (named.empty() ? "" : " ") + assignment;
    NamedValues record{{"recipe", named}, {"job", command.job}};
    for (auto& entry : solve::bench_values(result, recipe, device, command.timing)) record.push_back(std::move(entry));
    std::printf("%s\n", json_line(record).c_str());
    std::fflush(stdout);
#ifdef MONGE_CUDA
    if (command.profile && device.is_cuda()) print_kernels(recipe, command.shape, batches, device);
#endif
  }
}

}  // namespace
}  // namespace monge

int main(int count, char** words) {
  try {
    monge::run(monge::parse({words + 1, words + count}));
    return 0;
  } catch (const monge::Error& error) {
    std::fprintf(stderr, "bench_step: %s\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_step: %s\n", error.what());
    return 1;
  }
}
