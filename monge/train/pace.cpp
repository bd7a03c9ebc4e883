#include "monge/train/pace.h"

namespace monge::train {
namespace {

constexpr int64_t kNumbers = 6;

}  // namespace

Dials::Dials(torch::Device device, torch::ScalarType type)
    : exact_(torch::zeros({kNumbers}, torch::dtype(torch::kFloat64).device(device))),
      single_(torch::zeros({kNumbers}, torch::dtype(torch::kFloat32).device(device))),
      typed_(torch::zeros({kNumbers}, torch::dtype(type).device(device))) {}

Pace Dials::set(const Pace& pace) {
  const at::NoGradGuard no_grad;
  const bool on_host = exact_.is_cpu();
  // Fresh memory each time: the device may not have read the numbers of the iteration before yet. Pinned memory comes
  // from a cache that knows which copies are still under way.
  const auto host = torch::empty({kNumbers}, torch::dtype(torch::kFloat64).pinned_memory(!on_host));
  double* number = host.data_ptr<double>();
  number[0] = pace.moment.gamma.value;
  number[1] = pace.moment.smoothing.eps;
  number[2] = pace.moment.smoothing.centre();
  number[3] = pace.rate_map.value;
  number[4] = pace.rate_potential.value;
  number[5] = pace.average.value;
  exact_.copy_(host, /*non_blocking=*/true);
  single_.copy_(exact_);
  typed_.copy_(exact_);
  auto out = pace;
  out.moment.gamma.tensor = exact_[0];
  out.moment.smoothing.noise_weight = exact_[1];
  out.moment.smoothing.centre_weight = exact_[2];
  const auto& rates = on_host ? exact_ : single_;  // as Adam takes them
  out.rate_map.tensor = rates[3];
  out.rate_potential.tensor = rates[4];
  out.average.tensor = typed_[5];
  return out;
}

}  // namespace monge::train
