#include "monge/model/noise_inputs.h"

#include <algorithm>
#include <cmath>

#include "monge/core/error.h"
#include "monge/ot/smoothing.h"
#include "monge/solve/solver.h"

namespace monge::model {
namespace {

bool takes_noise(const Model& model) { return model.noise.channels > 0 && !model.deterministic; }
bool is_smoothed(const Model& model) { return model.smoothing.eps > 0 && !model.deterministic; }

/// @throws InputError unless the noises are those of `inputs`, for items like x.
void check_noises(const Model& model, const std::vector<NoiseInput>& inputs, const torch::Tensor& x,
                  const std::vector<torch::Tensor>& noises) {
  std::vector<std::string> names;
  for (const auto& input : inputs) names.push_back(input.name);
  require(noises.size() == inputs.size(), model.origin, ": the map has ", inputs.size(),
          inputs.size() == 1 ? " noise input" : " noise inputs", names.empty() ? "" : " (" + join(names, ", ") + ")",
          ", and ", noises.size(), " were given");
  for (size_t i = 0; i < inputs.size(); ++i) {
    std::vector<int64_t> wanted{x.size(0)};
    for (const int64_t extent : inputs[i].item_shape)
      wanted.push_back(extent > 0 ? extent : x.size(static_cast<int64_t>(wanted.size())));
    require(noises[i].sizes() == torch::IntArrayRef(wanted), model.origin, ": the input \"", inputs[i].name,
            "\" must have the shape ", torch::IntArrayRef(wanted), ", got ", noises[i].sizes());
  }
}

}  // namespace

std::vector<NoiseInput> noise_inputs(const Model& model) {
  std::vector<NoiseInput> out;
  const bool images = model.item_shape.size() == 3;
  const auto item = [&](int64_t channels, bool pixels) {
    std::vector<int64_t> shape{channels};
    if (!images || !pixels) return shape;
    for (const int64_t axis : {1, 2}) shape.push_back(model.sizes ? 0 : model.item_shape[static_cast<size_t>(axis)]);
    return shape;
  };
  if (takes_noise(model)) {
    const auto what =
        model.noise.optional
            ? text("standard normal: ", model.noise.channels - 1,
                   " numbers for the draw from a component of the plan, and one that chooses the component")
            : text("standard normal; the map multiplies it by ", model.noise.std);
    out.push_back({"noise", item(model.noise.channels, !model.noise.vector), what});
  }
  if (is_smoothed(model)) {
    const auto level = text("standard normal; the noise of level ", model.smoothing.eps, " that smooths the input");
    out.push_back({"smoothing_noise", item(model.item_shape[0], true), level});
    if (model.smoothing.tint > 0) {
      out.push_back({"smoothing_tint",
                     {model.item_shape[0]},
                     text("standard normal; the part of that noise, ", model.smoothing.tint,
                          " of its variance, that is one value per channel")});
    }
  }
  return out;
}

torch::Tensor outputs_for(const Model& model, const torch::Tensor& x, const std::vector<torch::Tensor>& noises) {
  const Model map = model.sizes ? model.at_any_size() : model;
  require(x.dim() == static_cast<int64_t>(model.item_shape.size()) + 1 && x.size(1) == model.item_shape[0],
          model.origin, ": the map takes items of shape ", torch::IntArrayRef(map.item_shape),
          ", got a batch of shape ", x.sizes());
  map.require_takes(x.sizes().slice(1));
  check_noises(map, noise_inputs(map), x, noises);
  const auto on_cpu = x.to(torch::kCPU);
  const auto standard = map.standardisation ? map.standardisation->source.apply(on_cpu) : on_cpu.to(torch::kFloat32);
  std::vector<torch::Tensor> given;
  for (const auto& noise : noises) given.push_back(noise.to(torch::kCPU, torch::kFloat32));
  auto next = given.begin();

  torch::Tensor z_BZC;
  if (takes_noise(map)) {
    z_BZC = (*next++ * map.noise.std).unsqueeze(1);
    if (map.noise.vector && x.dim() == 4)
      z_BZC = z_BZC.unsqueeze(3).unsqueeze(4).expand({-1, -1, -1, x.size(2), x.size(3)});
  } else if (map.noise.channels > 0 && !map.noise.optional) {
    auto shape = standard.sizes().vec();
    shape[1] = map.noise.channels;
    z_BZC = torch::zeros(shape).unsqueeze(1);
  }
  torch::Tensor smoothing;
  if (is_smoothed(map)) {
    smoothing = *next++;
    const double tint = map.smoothing.tint;
    if (tint > 0) smoothing = std::sqrt(1 - tint) * smoothing + std::sqrt(tint) * next->unsqueeze(2).unsqueeze(3);
  }
  return map.outputs(solve::with_noise(ot::smooth(standard, map.smoothing, smoothing), z_BZC));
}

}  // namespace monge::model
