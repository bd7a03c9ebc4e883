#include <ATen/Context.h>
#include <c10/util/Exception.h>

#if MONGE_CUDA
#include <c10/cuda/CUDAFunctions.h>
#endif

#include "bench/checks/check.h"
#include "monge/core/error.h"
#include "monge/core/random.h"
#include "monge/solve/bench.h"
#include "monge/solve/nets.h"

namespace monge::bench {
namespace {

/// A product of 1,024 rows against float64: with TF32 off exact to float32, with TF32 on to its ten bits.
std::vector<Outcome> products(torch::Device device) {
  const RandomStreams streams(5);
  const auto a = torch::randn({1024, 1024}, streams.at("a", 0)), b = torch::randn({1024, 1024}, streams.at("b", 0));
  const auto expected = a.to(torch::kFloat64).mm(b.to(torch::kFloat64));
  const bool before = at::globalContext().allowTF32CuBLAS();
  std::vector<Outcome> out;
  for (const bool tf32 : {false, true}) {
    if (tf32 && !device.is_cuda()) continue;
    at::globalContext().setAllowTF32CuBLAS(tf32);
    const auto found = a.to(device).mm(b.to(device));
    out.push_back(compared(tf32 ? "TF32 on" : "TF32 off", relative_error(found, expected), tf32 ? 2e-3 : 1e-5));
  }
  at::globalContext().setAllowTF32CuBLAS(before);
  for (const auto type : {torch::kBFloat16, torch::kHalf}) {
    if (!device.is_cuda() && type == torch::kHalf) continue;
    const auto found = a.to(device).to(type).mm(b.to(device).to(type));
    out.push_back(compared(c10::toString(type), relative_error(found, expected), 1e-2));
  }
  return out;
}

#if MONGE_CUDA
/// While it lives, counts LibTorch's warnings and prints none.
class Warnings : public c10::WarningHandler {
 public:
  Warnings() : before_(c10::WarningUtils::get_warning_handler()) { c10::WarningUtils::set_warning_handler(this); }
  ~Warnings() override { c10::WarningUtils::set_warning_handler(before_); }
  void process(const c10::Warning&) override { ++count_; }
  int64_t count() const { return count_; }

 private:
  c10::WarningHandler* before_;
  int64_t count_ = 0;
};
#endif

/// Checks that an outer iteration is launched without waiting for the device; its metrics are read afterwards.
std::vector<Outcome> synchronisations(torch::Device device) {
#if MONGE_CUDA
  if (device.is_cuda()) {
    std::vector<Outcome> out;
    for (const auto* method : {"strong", "weak", "noised"}) {
      const std::vector<int64_t> shape{3, 32, 32};
      solve::SolverOptions recipe;
      solve::assign(recipe,
                    {text("method=", method), "train.batch=8", "train.k_t=3", "map.width=8", "potential.width=16",
                     "potential.width_max=32", "train.precision=bf16", "train.graph=off"});
      solve::make_synthetic(recipe);
      const auto nets = solve::make_nets(recipe, shape, shape);
      solve::Solver solver(recipe, nets.map, nets.ema, nets.potential, 3 * 32 * 32, device);
      const auto batches = solve::synthetic_batches(recipe, shape, device);
      for (int64_t k = 0; k < 5; ++k) solver.outer_iteration(k, batches);
      auto& state = c10::cuda::warning_state();
      const auto before = state.get_sync_debug_mode();
      Warnings warnings;
      state.set_sync_debug_mode(c10::cuda::SyncDebugMode::L_WARN);
      solver.launch(5, batches);
      state.set_sync_debug_mode(before);
      out.push_back(outcome_of(method, warnings.count() == 0, text(warnings.count(), " times")));
      solver.collect();
    }
    return out;
  }
#endif
  return {skipped_because(text("nothing to wait for on ", device.str()))};
}

}  // namespace

std::vector<Check> device_checks() {
  return {{"products against float64", products}, {"waiting for the device", synchronisations}};
}

}  // namespace monge::bench
