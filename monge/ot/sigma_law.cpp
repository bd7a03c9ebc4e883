#include "monge/ot/sigma_law.h"

#include <cmath>

#include "monge/core/error.h"

namespace monge::ot {

torch::Tensor draw_sigma(const SigmaLaw& law, int64_t batch, const ItemDraws& draws) {
  require(law.sigma_min > 0 && law.sigma_max >= law.sigma_min, "noised.sigma_min must be above 0 and not above ",
          "noised.sigma_max; got ", law.sigma_min, " and ", law.sigma_max);
  if (law.law == "log_uniform") {
    const double low = std::log(law.sigma_min), high = std::log(law.sigma_max);
    return (draws.uniform_of_whole(batch) * (high - low) + low).exp();
  }
  require(law.law == "edm", "unknown noised.sigma_law \"", law.law, "\" (allowed: edm, log_uniform)");
  return (draws.normal_of_whole(batch) * law.p_std + law.p_mean).exp().clamp(law.sigma_min, law.sigma_max);
}

torch::Tensor sigma_weight(const SigmaLaw& law, const torch::Tensor& sigma_B) {
  torch::Tensor weight_B;
  if (law.weight == "none") {
    weight_B = torch::ones_like(sigma_B);
  } else if (law.weight == "inverse") {
    weight_B = sigma_B.square().reciprocal();
  } else {
    require(law.weight == "edm", "unknown noised.weight \"", law.weight, "\" (allowed: edm, inverse, none)");
    weight_B = (sigma_B.square() + law.sigma_data * law.sigma_data) / (sigma_B * law.sigma_data).square();
  }
  if (law.clip > 0) weight_B = torch::minimum(weight_B, law.clip * weight_B.mean());
  if (law.normalise) weight_B = weight_B / weight_B.mean();
  return weight_B;
}

Perturbation draw_perturbation(const SigmaLaw& law, const torch::Tensor& y, const ItemDraws& draws) {
  const auto sigma_of_whole = draw_sigma(law, y.size(0), draws).to(y.scalar_type());
  const auto sigma_B = draws.own(sigma_of_whole);
  std::vector<int64_t> broadcast(static_cast<size_t>(y.dim()), 1);
  broadcast[0] = y.size(0);
  const auto noise = draws.normal(y.sizes());
  return {sigma_B, noise.to(y.scalar_type()) * sigma_B.view(broadcast), draws.own(sigma_weight(law, sigma_of_whole))};
}

}  // namespace monge::ot
