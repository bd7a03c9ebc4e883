#include "monge/solve/bench.h"

#include <ATen/Parallel.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/util/accumulate.h>
#include <sys/resource.h>
#include <torch/cuda.h>

#include <algorithm>
#include <chrono>

#include "monge/solve/nets.h"
#include "monge/solve/operation_count.h"
#include "monge/solve/precision.h"

namespace monge::solve {
namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

void wait_for(torch::Device device) {
  if (device.is_cuda()) torch::cuda::synchronize();
}

/// The largest amount of memory in use since its construction.
class PeakMemory {
 public:
  explicit PeakMemory(torch::Device device) : device_(device) {
    if (device_.is_cuda()) c10::getDeviceAllocator(device_.type())->resetPeakStats(index());
  }
  int64_t bytes() const {
    if (device_.is_cuda()) {
      constexpr auto whole = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
      return c10::getDeviceAllocator(device_.type())->getDeviceStats(index()).allocated_bytes[whole].peak;
    }
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss * 1024;
  }

 private:
  c10::DeviceIndex index() const { return device_.has_index() ? device_.index() : c10::DeviceIndex{0}; }

  torch::Device device_;
};

}  // namespace

double matrix_ceiling(torch::Device device, torch::ScalarType type) {
  using Sizes = std::vector<int64_t>;
  // Seconds. A processor without instructions for bfloat16 takes minutes for a large product.
  constexpr double kEnough = 2;
  const double start = now();
  double best = 0;
  for (const int64_t size : device.is_cuda() ? Sizes{4096, 6144, 8192} : Sizes{512, 1024, 2048}) {
    const auto random = [&] { return torch::rand({size, size}, device).to(type); };
    const auto a = random(), b = random();
    auto c = torch::empty_like(a);
    for (int repeat = 0; repeat < 8; ++repeat) {
      wait_for(device);
      const double began = now();
      at::mm_out(c, a, b);
      wait_for(device);
      const double flops = 2.0 * static_cast<double>(size) * static_cast<double>(size) * static_cast<double>(size);
      best = std::max(best, flops / (now() - began));
      if (now() - start > kEnough) return best;
    }
  }
  return best;
}

void make_synthetic(SolverOptions& options) {
  const auto method = make_method(options);
  if (method->level_is_open()) *method->noise_level(options.methods) = "0.1";
}

BatchProvider synthetic_batches(const SolverOptions& recipe, const std::vector<int64_t>& item_shape,
                                torch::Device device) {
  std::vector<int64_t> shape{recipe.train.batch};
  shape.insert(shape.end(), item_shape.begin(), item_shape.end());
  const auto streams = std::make_shared<RandomStreams>(static_cast<uint64_t>(recipe.train.seed), device);
  const auto type = state_type(recipe.train.precision);
  const auto draw = [=](const char* purpose, int64_t step) {
    return torch::randn(shape, streams->at(purpose, step), torch::dtype(torch::kFloat32).device(device)).to(type);
  };
  if (item_shape.size() == 1) {
    return {[=](int64_t step) { return draw("bench source", step); },
            [=](int64_t step) { return draw("bench target", step) + 1; }};
  }
  constexpr int64_t kPool = 4;
  const auto pool = std::make_shared<std::vector<torch::Tensor>>();
  for (int64_t i = 0; i < kPool; ++i) pool->push_back(draw("bench pool", i).tanh());
  const auto from_pool = [pool](int64_t step) { return (*pool)[static_cast<size_t>(step % kPool)].clone(); };
  return {from_pool, [from_pool](int64_t step) { return from_pool(step + 1); }};
}

namespace {

void count_operations(Solver& solver, const BatchProvider& batches, BenchResult& out) {
  const OperationCount count;
  solver.outer_iteration(0, batches);
  out.flops = count.operations();
  out.bytes = count.bytes();
}

/// @param type  the type of products in the recipe's precision.
void measure_ceilings(torch::ScalarType type, torch::Device device, BenchResult& out) {
  out.ceiling = out.ceiling_fp32 = matrix_ceiling(device);
  if (type != torch::kFloat32) out.ceiling = matrix_ceiling(device, type);
  if (device.is_cuda())
    out.ceiling_bf16 = type == torch::kBFloat16 ? out.ceiling : matrix_ceiling(device, torch::kBFloat16);
}

/// Runs the warm-up and the timed iterations and sets times, losses and the fraction of waiting. Sets `complete` to
/// false if `stop` ended the run.
void time_iterations(Solver& solver, const BatchProvider& batches, torch::Device device, const BenchOptions& options,
                     const std::atomic<bool>& stop, BenchResult& out) {
  double waited = 0;
  const auto timed = [&waited](const std::function<torch::Tensor(int64_t)>& batch) {
    return [&waited, &batch](int64_t step) {
      const double began = now();
      auto result = batch(step);
      waited += now() - began;
      return result;
    };
  };
  const BatchProvider timed_batches{timed(batches.source), timed(batches.target)};
  std::vector<double> times;
  // As in training, the metrics of an iteration are read while the GPU runs the next one. Its time is that between two
  // readings, so one more iteration is launched after the last timed one.
  const int64_t ahead = device.is_cuda() ? 1 : 0;
  double last = now();
  int64_t read = 0;
  const auto collect = [&] {
    const auto metrics = solver.collect();
    const double time = now();
    if (read >= options.warm && read < options.warm + options.iterations) {
      times.push_back(time - last);
      out.loss_map = metrics.loss_map;
      out.loss_potential = metrics.loss_potential;
    }
    last = time;
    if (++read == options.warm) waited = 0;
  };
  for (int64_t k = 0; k < options.warm + options.iterations + ahead; ++k) {
    if (stop) {
      out.complete = false;
      return;
    }
    solver.launch(k, timed_batches);
    if (solver.launched() > ahead) collect();
  }
  while (solver.launched() > 0) collect();
  double whole = 0;
  for (const double time : times) whole += time;
  out.data_wait = waited / whole;
  std::sort(times.begin(), times.end());
  out.ms_median = 1e3 * times[times.size() / 2];
  out.ms_least = 1e3 * times.front();
  out.ms_most = 1e3 * times.back();
}

}  // namespace

BenchResult bench(const SolverOptions& recipe, const std::vector<int64_t>& item_shape, const BatchProvider& batches,
                  torch::Device device, const BenchOptions& options, const std::atomic<bool>& stop,
                  dist::ProcessGroup& group) {
  const auto new_solver = [&](const SolverOptions& chosen) {
    const auto nets = make_nets(chosen, item_shape, item_shape);
    return std::make_unique<Solver>(chosen, nets, c10::multiply_integers(item_shape), device, group);
  };
  auto solver = new_solver(recipe);
  BenchResult out;
  const PeakMemory memory(device);
  time_iterations(*solver, batches, device, options, stop, out);
  if (!out.complete) return out;
  out.peak_bytes = memory.bytes();
  out.kernel_launches = solver->kernel_launches();
  solver.reset();  // a graph holds the memory of a whole iteration, so there may be no room for a second solver
  if (device.is_cuda()) c10::getDeviceAllocator(device.type())->emptyCache();
  {
    auto eager = recipe;
    eager.train.graph = capture_names().name(Capture::off);  // the counter does not see the calls of a replay
    count_operations(*new_solver(eager), batches, out);
  }
  measure_ceilings(product_type(recipe.train.precision), device, out);
  return out;
}

NamedValues bench_values(const BenchResult& result, const SolverOptions& recipe, torch::Device device,
                         const BenchOptions& options) {
  const auto maybe = [](const auto& value) { return value ? NamedValue(*value) : NamedValue(nullptr); };
  const auto samples =
      static_cast<double>(recipe.train.batch * make_method(recipe)->samples_per_input() * recipe.train.k_t);
  return {{"ms_per_outer", result.ms_median},
          {"ms_least", result.ms_least},
          {"ms_most", result.ms_most},
          {"images_per_second", 1e3 * samples / result.ms_median},
          {"flops", result.flops},
          {"flops_per_second", result.flops_per_second()},
          {"ceiling_flops_per_second", result.ceiling},
          {"ceiling_fp32_flops_per_second", result.ceiling_fp32},
          {"ceiling_bf16_flops_per_second", maybe(result.ceiling_bf16)},
          {"share_of_ceiling", result.flops_per_second() / result.ceiling},
          {"bytes", result.bytes},
          {"peak_bytes", result.peak_bytes},
          {"data_wait", result.data_wait},
          {"kernel_launches", maybe(result.kernel_launches)},
          {"device", device.str()},
          {"threads", static_cast<int64_t>(at::get_num_threads())},
          {"dtype", recipe.train.precision},
          {"loss_map", result.loss_map},
          {"loss_potential", result.loss_potential},
          {"iterations", options.iterations}};
}

}  // namespace monge::solve
