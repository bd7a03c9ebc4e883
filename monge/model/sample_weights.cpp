#include "monge/model/sample_weights.h"

#include <torch/types.h>

#include <algorithm>

#include "monge/ot/cost.h"

namespace monge::model {

SampleWeights::SampleWeights(std::shared_ptr<nn::PotentialNet> potential, const solve::SolverOptions& options,
                             int64_t dim, int64_t iteration)
    : potential_(std::move(potential)),
      marginals_(options.unbalanced.marginals()),
      alpha_(options.unbalanced.alpha_at(iteration)),
      tau_(ot::cost_scale(options.cost.scale, dim)) {}

/// f(y) on the CPU.
torch::Tensor SampleWeights::values_of(const torch::Tensor& y) const {
  constexpr int64_t kImagesAtOnce = 64;  // bounds the memory
  const at::NoGradGuard no_grad;
  const bool was_training = potential_->is_training();
  if (was_training) potential_->eval();
  const auto weight = potential_->parameters().at(0);
  std::vector<torch::Tensor> out;
  const int64_t chunk = y.dim() == 4 ? kImagesAtOnce : std::max<int64_t>(1, y.size(0));
  for (int64_t begin = 0; begin < y.size(0); begin += chunk) {
    const auto piece = y.narrow(0, begin, std::min(chunk, y.size(0) - begin));
    out.push_back(
        potential_->forward(piece.to(weight.device(), weight.scalar_type())).to(torch::kCPU, torch::kFloat32));
  }
  if (was_training) potential_->train();
  return torch::cat(out);
}

torch::Tensor SampleWeights::of_source(const torch::Tensor& x, const torch::Tensor& y) const {
  const auto on_cpu = [](const torch::Tensor& t) { return t.to(torch::kCPU, torch::kFloat32); };
  // The map may take noise after the entries of x.
  const auto cost_N = ot::squared_cost(on_cpu(x.narrow(1, 0, y.size(1))), on_cpu(y), tau_);
  return ot::marginal_density(marginals_.source, values_of(y) - cost_N, alpha_);
}

torch::Tensor SampleWeights::of_target(const torch::Tensor& y) const {
  return ot::marginal_density(marginals_.target, -values_of(y), alpha_);
}

}  // namespace monge::model
