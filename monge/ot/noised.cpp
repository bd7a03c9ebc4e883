#include "monge/ot/noised.h"

#include "monge/core/error.h"

namespace monge::ot {

void NoisedOptions::describe(OptionRows& rows) {
  rows.on_resume(OnResume::fixed, "changes the problem");
  rows.add("sigma_law", sigma_law, "law of the noise level: edm (log-normal) or log_uniform")
      .choices(sigma_laws().ordered());
  rows.add("sigma_min", sigma_min, "smallest noise level").unit("data units").above_zero();
  rows.add("sigma_max", sigma_max, "largest noise level").unit("data units").above_zero();
  rows.add("p_mean", p_mean, "mean of ln sigma (edm)");
  rows.add("p_std", p_std, "standard deviation of ln sigma (edm)").above_zero();
  rows.add("weight", weight, "weight of a sample with noise level s. edm: (s^2+sd^2)/(s sd)^2; inverse: 1/s^2; none: 1")
      .choices(sigma_weights().ordered());
  rows.add("sigma_data", sigma_data, "standard deviation sd of the data").unit("data units").above_zero();
  rows.add("normalise", normalise, "divide the weights by their batch mean");
  rows.add("clip", clip, "largest weight, in multiples of the batch mean before clipping; 0: no clipping").least(0);
  rows.add("embedding", embedding,
           "embedding of sigma in the potential. log: positional, of 1000 ln(sigma)/4; sigma: positional, of sigma "
           "itself, as in the reference code; fourier: Fourier features of ln(sigma)/4")
      .choices({"log", "sigma", "fourier"});
  rows.add("embedding_channels", embedding_channels, "width of the embedding, an even number").range(2, 1024);
  rows.add("scale_input", scale_input, "multiply the potential's input by 1/sqrt(sigma^2 + sd^2)");
}

void NoisedOptions::check() const {
  require(sigma_min <= sigma_max, "noised.sigma_min = ", sigma_min, " is above noised.sigma_max = ", sigma_max);
}

Conditioning Noised::conditioning() const {
  return {.channels = options_.embedding_channels,
          .embedding = options_.embedding,
          .scale_input = options_.scale_input,
          .sigma_data = options_.sigma_data};
}

MethodEntry noised_entry() {
  return {.help = "quadratic cost, a potential that depends on the noise level of its input",
          .make = [](const MethodSetting& setting) { return std::make_unique<Noised>(setting); },
          .options = OptionSection(NoisedOptions{})};
}

}  // namespace monge::ot
