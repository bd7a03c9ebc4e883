#include "monge/model/model.h"

#include <c10/util/accumulate.h>
#include <torch/types.h>

#include <algorithm>
#include <limits>

#include "monge/core/error.h"
#include "monge/core/number.h"
#include "monge/core/user_words.h"
#include "monge/core/value_range.h"
#include "monge/model/rounded_inwards.h"
#include "monge/ot/cost.h"
#include "monge/ot/light.h"
#include "monge/solve/nets.h"
#include "monge/solve/solver.h"
#include "monge/train/trainer.h"

namespace monge::model {
namespace {

/// Converts limits in raw units to the units of a standardised target.
OutputLimits in_units_of(const data::Columns& columns, const OutputLimits& limits) {
  const auto standard = [&](const torch::Tensor& bound) { return (bound - columns.mean) / columns.scale; };
  return {standard(limits.low), standard(limits.high)};
}

torch::Tensor clamp(const torch::Tensor& y, const OutputLimits& limits, int64_t* clamped) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const auto low = rounded_inwards(limits.low, y.scalar_type(), kInfinity).to(y.device()),
             high = rounded_inwards(limits.high, y.scalar_type(), -kInfinity).to(y.device());
  if (clamped) *clamped += ((y < low) | (y > high)).sum().item<int64_t>();
  return torch::minimum(torch::maximum(y, low), high);
}

bool fits(const Model& model, torch::IntArrayRef item) {
  const auto& shape = model.item_shape;
  if (item.size() != shape.size() || item[0] != shape[0]) return false;
  return shape.size() != 3 || shape[1] == 0 || (item[1] == shape[1] && item[2] == shape[2]);
}

}  // namespace

void Model::require_takes(torch::IntArrayRef item) const {
  const bool any_size = item_shape.size() == 3 && item_shape[1] == 0;
  require(fits(*this, item) || carries_noise(item), origin, ": the map takes items of shape ",
          torch::IntArrayRef(item_shape), any_size ? " (any height and width)" : "", ", got ", item);
}

bool Model::carries_noise(torch::IntArrayRef item) const {
  return !recipe && item.size() == 3 && item[0] == item_shape[0] + noise.channels && !fits(*this, item);
}

std::optional<double> Model::noise_level() const {
  if (smoothing.eps > 0) return smoothing.eps;
  if (noise.channels > 0 && !noise.optional) return noise.std;
  return std::nullopt;
}

double Model::most_noise_scale() const {
  constexpr double kMost = 4;
  const auto level = noise_level();
  if (!level) return 1;
  return smoothing.preserve_variance ? std::min(kMost, 1 / *level) : kMost;
}

bool Model::takes_noise_scale(double scale) const {
  return scale == 1 || (noise_level() && scale >= 0 && scale <= most_noise_scale());
}

void Model::set_noise_scale(double scale) {
  if (!takes_noise_scale(scale)) {
    const auto level = noise_level();
    const std::string why = level ? "the noise level cannot be multiplied by this"
                            : noise.channels > 0
                                ? "a plan of method light draws by its potential, without a noise level"
                                : "this map has no noise";
    throw InputError({.what = origin + ": " + why,
                      .where = user_word("TranslateOptions::noise_scale"),
                      .value = number(scale),
                      .allowed = level ? text("0 to ", number(most_noise_scale())) : "1"});
  }
  noise_scale = scale;
}

torch::Tensor Model::inputs(const torch::Tensor& x, int64_t samples, torch::Generator generator) const {
  require_takes(x.sizes().slice(1));
  if (carries_noise(x.sizes().slice(1))) return x;
  const int64_t repeat = stochastic() ? samples : 1;
  const auto once = standardisation ? standardisation->source.apply(x) : x.to(torch::kFloat32);
  const auto repeated = repeat == 1 ? once : once.repeat_interleave(repeat, 0);
  auto scaled_smoothing = smoothing;
  auto scaled_noise = noise;
  scaled_smoothing.eps *= noise_scale;
  scaled_noise.std *= noise_scale;
  const bool blur = scaled_smoothing.eps > 0 && !deterministic;
  // The noise is drawn on the CPU, so that it is the same for every device.
  const auto n = blur ? ot::smoothing_noise(repeated, scaled_smoothing, generator).to(x.device()) : torch::Tensor();
  const auto smooth = ot::smooth(repeated, scaled_smoothing, n);
  if (noise.channels == 0) return smooth;
  const auto z = solve::draw_noise(repeated, 1, scaled_noise, generator).to(x.device());
  if (deterministic && noise.optional) return smooth;
  return solve::with_noise(smooth, deterministic ? torch::zeros_like(z) : z);
}

torch::Tensor Model::outputs(const torch::Tensor& inputs, int64_t* clamped, torch::Tensor* weights_N) const {
  const c10::InferenceMode inference;
  auto input = inputs.to(device, net->parameters().at(0).scalar_type());
  if (item_shape.size() == 3) input = input.contiguous(torch::MemoryFormat::ChannelsLast);
  const auto out = net->forward(input).to(output_device, torch::kFloat32).contiguous();
  if (weights_N && !reversed)
    *weights_N = sample_weights ? sample_weights->of_source(inputs, out) : torch::ones({inputs.size(0)});
  const auto raw = standardisation ? standardisation->target.undo(out) : out;
  return limits ? clamp(raw, *limits, clamped) : raw;
}

void Model::set_output_range(const std::string& range) {
  limits.reset();
  if (range.empty()) return;
  const auto bounds = parse_value_range(range, "output.range");
  require(item_shape.size() == 1, origin, ": output.range = \"", range,
          "\": only vector outputs are clamped to a range");
  limits = OutputLimits{torch::full({1}, bounds.low, torch::kFloat64), torch::full({1}, bounds.high, torch::kFloat64)};
}

torch::Tensor Model::input_weights(const torch::Tensor& x, const torch::Tensor& of_outputs) const {
  if (!sample_weights) return torch::ones({x.size(0)});
  if (!reversed) return of_outputs.view({x.size(0), -1}).mean(1);
  const auto on_cpu = x.to(torch::kCPU);
  return sample_weights->of_target(standardisation ? standardisation->source.apply(on_cpu)
                                                   : on_cpu.to(torch::kFloat32));
}

double Model::bridge_variance() const {
  if (deterministic || !recipe || !solve::make_method(*recipe)->has_closed_form()) return 0;
  const double tau = ot::cost_scale(recipe->cost.scale, c10::multiply_integers(item_shape));
  return recipe->section<ot::LightOptions>().epsilon / (2 * tau);
}

Model Model::inverse() const {
  require(inverse_net != nullptr, origin,
          ": has no inverse map; train with train.directions = \"both\", or exchange source and target");
  auto out = *this;
  std::swap(out.net, out.inverse_net);
  out.reversed = !reversed;
  if (out.standardisation) std::swap(out.standardisation->source, out.standardisation->target);
  // Where one side has no names, both have the other's.
  std::swap(out.columns.source, out.columns.target);
  out.limits.reset();
  // One pass for both directions smooths the source alone, and the inverse map leads back to the smoothed source.
  const bool one_pass = recipe && recipe->map.net == "gradient" && recipe->train.updates_simultaneously();
  if (one_pass) out.smoothing = {};
  return out;
}

Model Model::in_standard_units() const {
  auto out = *this;
  if (limits && standardisation) out.limits = in_units_of(standardisation->target, *limits);
  out.standardisation.reset();
  return out;
}

Model Model::at_any_size() const {
  require(item_shape.size() == 3 && sizes, origin, ": the map takes items of shape ", torch::IntArrayRef(item_shape),
          " and no other size");
  auto out = *this;
  out.item_shape = {item_shape[0], 0, 0};
  return out;
}

torch::Tensor Model::translate(const torch::Tensor& x, int64_t samples, torch::Generator generator,
                               torch::Tensor* weights_B) const {
  const auto y = outputs(inputs(x, samples, generator), nullptr, weights_B);
  if (weights_B) *weights_B = input_weights(x, *weights_B);
  return y.unflatten(0, std::vector<int64_t>{x.size(0), y.size(0) / x.size(0)});
}

Model model_of(train::Trainer& trainer) {
  Model model;
  model.origin = "the map in training";
  model.net = trainer.solver().averaged_map();
  model.net->eval();
  if (trainer.recipe().train.trains_inverse()) {
    model.inverse_net = trainer.solver().averaged_inverse_map();
    model.inverse_net->eval();
  }
  model.item_shape = trainer.data().source->item_shape();
  model.recipe = trainer.recipe();
  model.sizes = solve::map_image_sizes(*model.recipe, model.item_shape);
  model.columns = trainer.columns();
  model.set_output_range(trainer.recipe().output.range);
  const auto& standardisation = trainer.data().standardisation;
  if (model.limits && standardisation) model.limits = in_units_of(standardisation->target, *model.limits);
  model.noise = trainer.solver().method().noise();
  model.iteration = trainer.done();
  model.smoothing = trainer.solver().method().smoothing(model.iteration);
  model.device = trainer.solver().device();
  if (SampleWeights::apply_to(*model.recipe)) {
    model.sample_weights.emplace(trainer.solver().shared_potential(), *model.recipe,
                                 c10::multiply_integers(model.item_shape), model.iteration);
  }
  return model;
}

Model raw_model_of(train::Trainer& trainer) {
  auto model = model_of(trainer);
  model.standardisation = trainer.data().standardisation;
  model.limits.reset();
  model.set_output_range(trainer.recipe().output.range);
  return model;
}

}  // namespace monge::model
