#include "monge/solve/memory.h"

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>
#include <c10/util/accumulate.h>
#include <torch/types.h>

#include <algorithm>
#include <atomic>

#include "monge/nn/gaussian_plan.h"
#include "monge/nn/gradient_map.h"
#include "monge/solve/nets.h"
#include "monge/solve/precision.h"
#include "monge/solve/solver.h"

namespace monge::solve {
namespace {

/// Records the peak of the CPU allocator in this thread and in the backward passes that it starts.
class AllocationWatch : public c10::MemoryReportingInfoBase {
 public:
  void reportMemoryUsage(void*, int64_t change, size_t, size_t, c10::Device) override {
    const int64_t now = current_.fetch_add(change) + change;
    int64_t seen = peak_.load();
    while (now > seen && !peak_.compare_exchange_weak(seen, now)) {
    }
  }
  bool memoryProfilingEnabled() const override { return true; }
  void restart() { current_ = peak_ = 0; }
  int64_t peak() const { return peak_; }

 private:
  std::atomic<int64_t> current_{0}, peak_{0};
};

/// Peak bytes of one outer iteration of the options' nets with `batch` inputs.
int64_t peak_of(const SolverOptions& options, const std::vector<int64_t>& item_shape, int64_t batch) {
  auto small = options;
  small.train.batch = batch;
  small.train.k_t = 1;
  small.train.accumulate = 1;
  small.train.optimiser = "adam";                     // the products of SOAP do not grow with the batch
  small.potential.r1_every = 1;                       // the step with the penalty is the largest
  make_method(small)->drop_smoothing(small.methods);  // no noise level is known yet, and none changes a size
  if (product_type(small.train.precision) == torch::kHalf)
    small.train.precision = precision_names().name(Precision::bf16);  // as large, and not as slow on a CPU
  auto nets = make_nets(small, item_shape, item_shape);
  std::vector<int64_t> shape{batch};
  shape.insert(shape.end(), item_shape.begin(), item_shape.end());
  Solver solver(small, std::move(nets), c10::multiply_integers(item_shape), torch::kCPU);
  const auto type = state_type(options.train.precision);
  const auto batch_of = [&](int64_t) { return torch::zeros(shape, type) + 0.1; };
  const BatchProvider batches{batch_of, batch_of};
  const auto watch = std::make_shared<AllocationWatch>();
  const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, watch);
  watch->restart();
  solver.outer_iteration(0, batches);
  return watch->peak();
}

}  // namespace

Memory measure_memory(const SolverOptions& options, const std::vector<int64_t>& item_shape) {
  const auto width = static_cast<int64_t>(c10::elementSize(state_type(options.train.precision)));
  int64_t map = 0, potential = 0, average = 0, bases = 0;
  {
    const auto nets = make_nets(options, item_shape, item_shape);
    map = nn::parameter_count(*nets.map);
    potential = nn::parameter_count(*nets.potential);
    // A plan in closed form is one net.
    if (dynamic_cast<const nn::GaussianPlanMap*>(nets.map.get()) != nullptr) potential = 0;
    if (options.train.uses_soap()) {
      bases = GradientBasis::value_count(*nets.map) + (potential > 0 ? GradientBasis::value_count(*nets.potential) : 0);
    }
    // Two gradient maps have two nets in all, and two averages.
    if (nets.inverse_map) {
      const bool shared = dynamic_cast<const nn::GradientMap*>(nets.map.get()) != nullptr;
      average = (options.train.ema > 0 ? 1 : 0) * nn::parameter_count(*nets.inverse_map);
      if (!shared) {
        map += nn::parameter_count(*nets.inverse_map);
        potential += nn::parameter_count(*nets.inverse_potential);
        bases *= 2;
        average = 0;
      }
    }
  }
  const int64_t copies =
      options.train.ema > 0 ? 5 : 4;  // weights, gradients, two moments and, for the map, the average
  const int64_t two = peak_of(options, item_shape, 2);
  const int64_t piece = (options.train.batch + options.train.accumulate - 1) / options.train.accumulate;
  Memory out;
  out.state = width * (copies * map + 4 * potential + average + bases);
  out.step = two * std::max<int64_t>(piece, 2) / 2;
  return out;
}

}  // namespace monge::solve
