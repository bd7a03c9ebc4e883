#include "monge/solve/iteration_schedule.h"

namespace monge::solve {
namespace {

constexpr int64_t kNumbers = 8;

}  // namespace

DeviceScalars::DeviceScalars(torch::Device device, torch::ScalarType type)
    : exact_(torch::zeros({kNumbers}, torch::dtype(torch::kFloat64).device(device))),
      single_(torch::zeros({kNumbers}, torch::dtype(torch::kFloat32).device(device))),
      typed_(torch::zeros({kNumbers}, torch::dtype(type).device(device))) {}

IterationSchedule DeviceScalars::set(const IterationSchedule& schedule) {
  const at::NoGradGuard no_grad;
  const bool on_host = exact_.is_cpu();
  // Each call takes new host memory, because the device may not have read the values of the previous iteration yet. The
  // cache of pinned memory knows which copies are still in flight.
  const auto host = torch::empty({kNumbers}, torch::dtype(torch::kFloat64).pinned_memory(!on_host));
  double* number = host.data_ptr<double>();
  number[0] = schedule.values.gamma.value;
  number[1] = schedule.values.smoothing.eps;
  number[2] = schedule.values.smoothing.centre();
  number[3] = schedule.rate_map.value;
  number[4] = schedule.rate_potential.value;
  number[5] = schedule.average.value;
  number[6] = schedule.augmentation.value;
  number[7] = schedule.alpha.value;
  exact_.copy_(host, /*non_blocking=*/true);
  single_.copy_(exact_);
  typed_.copy_(exact_);
  auto out = schedule;
  out.values.gamma.tensor = exact_[0];
  out.values.smoothing.noise_weight = exact_[1];
  out.values.smoothing.centre_weight = exact_[2];
  const auto& rates = on_host ? exact_ : single_;  // the types that fused Adam accepts
  out.rate_map.tensor = rates[3];
  out.rate_potential.tensor = rates[4];
  out.average.tensor = typed_[5];
  out.augmentation.tensor = single_[6];
  out.alpha.tensor = typed_[7];
  return out;
}

}  // namespace monge::solve
