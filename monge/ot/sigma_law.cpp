#include "monge/ot/sigma_law.h"

#include <cmath>

#include "monge/core/error.h"
#include "monge/ot/noised.h"

namespace monge::ot {
namespace {

torch::Tensor log_normal_sigma(const NoisedOptions& o, int64_t batch, const ItemDraws& draws) {
  return (draws.normal_of_whole(batch) * o.p_std + o.p_mean).exp().clamp(o.sigma_min, o.sigma_max);
}

torch::Tensor log_uniform_sigma(const NoisedOptions& o, int64_t batch, const ItemDraws& draws) {
  const double low = std::log(o.sigma_min), high = std::log(o.sigma_max);
  return (draws.uniform_of_whole(batch) * (high - low) + low).exp();
}

torch::Tensor edm_weight(const NoisedOptions& o, const torch::Tensor& sigma_B) {
  return (sigma_B.square() + o.sigma_data * o.sigma_data) / (sigma_B * o.sigma_data).square();
}

torch::Tensor inverse_weight(const NoisedOptions&, const torch::Tensor& sigma_B) {
  return sigma_B.square().reciprocal();
}

torch::Tensor no_weight(const NoisedOptions&, const torch::Tensor& sigma_B) { return torch::ones_like(sigma_B); }

}  // namespace

Registry<SigmaLaw>& sigma_laws() {
  static Registry<SigmaLaw> laws("noised.sigma_law", {{"edm", log_normal_sigma}, {"log_uniform", log_uniform_sigma}});
  return laws;
}

Registry<SigmaWeight>& sigma_weights() {
  static Registry<SigmaWeight> weights("noised.weight",
                                       {{"edm", edm_weight}, {"inverse", inverse_weight}, {"none", no_weight}});
  return weights;
}

torch::Tensor draw_sigma(const NoisedOptions& options, int64_t batch, const ItemDraws& draws) {
  require(options.sigma_min > 0 && options.sigma_max >= options.sigma_min,
          "noised.sigma_min must be above 0 and not above ", "noised.sigma_max; got ", options.sigma_min, " and ",
          options.sigma_max);
  return sigma_laws().at(options.sigma_law)(options, batch, draws);
}

torch::Tensor sigma_weight(const NoisedOptions& options, const torch::Tensor& sigma_B) {
  auto weight_B = sigma_weights().at(options.weight)(options, sigma_B);
  if (options.clip > 0) weight_B = torch::minimum(weight_B, options.clip * weight_B.mean());
  if (options.normalise) weight_B = weight_B / weight_B.mean();
  return weight_B;
}

Perturbation draw_perturbation(const NoisedOptions& options, const torch::Tensor& y, const ItemDraws& draws) {
  const auto sigma_of_whole = draw_sigma(options, y.size(0), draws).to(y.scalar_type());
  const auto sigma_B = draws.own(sigma_of_whole);
  std::vector<int64_t> broadcast(static_cast<size_t>(y.dim()), 1);
  broadcast[0] = y.size(0);
  const auto noise = draws.normal(y.sizes());
  return {sigma_B, noise.to(y.scalar_type()) * sigma_B.view(broadcast),
          draws.own(sigma_weight(options, sigma_of_whole))};
}

}  // namespace monge::ot
