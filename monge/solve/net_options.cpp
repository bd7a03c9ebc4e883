#include "monge/solve/net_options.h"

#include "monge/nn/output_bound.h"
#include "monge/ot/potential_augmentation.h"
#include "monge/solve/net_registry.h"

namespace monge::solve {
namespace {

std::vector<std::string> activations() { return {"relu", "silu", "elu", "leaky_relu", "softplus", "tanh"}; }

/// "auto" and the names of a registry.
template <class Entry>
std::vector<std::string> auto_or(const Registry<Entry>& nets) {
  std::vector<std::string> out{"auto"};
  out.insert(out.end(), nets.ordered().begin(), nets.ordered().end());
  return out;
}

constexpr const char* kPatchHelp =
    "fold patch x patch pixels into channels, for the unet and the resnet; 2 is about four times as fast";

}  // namespace

void MapOptions::describe(OptionRows& rows) {
  rows.on_resume(OnResume::fixed, "changes the network");
  rows.add("net", net,
           "network of the map; auto: unet for images, mlp for vectors; gradient: x minus the gradient of a potential, "
           "for "
           "vectors and the squared cost")
      .choices(auto_or(map_nets()));
  rows.add("width", width, "first width of the unet (0: 48) or ddpm (0: 32), or hidden width of the mlp (0: 128)")
      .range(0, 65536);
  rows.add("depth", depth,
           "halvings of the unet, 1 to 4 (0: 4), or of ddpm, 1 to 6 (0: 3), or hidden layers of the mlp (0: 3)")
      .range(0, 64);
  rows.add("patch", patch, kPatchHelp).unit("pixels").range(1, 8);
  rows.add("activation", activation, "activation of the mlp").choices(activations());
  rows.add("norm", norm,
           "normalisation of the unet: batch, as in the public codes, or group, independent of the rest of the batch")
      .choices({"batch", "group"});
  rows.add("residual", residual, "T(x) = x + net(x)");
  rows.add("zero_last", zero_last,
           "initialise the last layer with zeros; with residual = true the map starts as the identity");
  rows.add("quadratic", quadratic, "gradient map: add y'Ay + b'y to the mlp, so that T has a free linear part");
  rows.add("gradient_of", gradient_of,
           "gradient map: the net whose gradient it is; icnn: T is the gradient of a convex one")
      .choices({"mlp", "icnn"});
  rows.add("output", output,
           "bound of the output of the unet or ddpm: tanh to (-1, 1); clamp to [-1, 1], both ends reached")
      .choices(nn::output_bounds());
}

void PotentialOptions::describe(OptionRows& rows) {
  rows.on_resume(OnResume::fixed, "changes the network");
  rows.add("net", net, "network of the potential; auto: resnet for images, mlp for vectors")
      .choices(auto_or(potential_nets()));
  rows.add("width", width, "first width of the resnet (0: 64) or ddpm (0: 32), or hidden width of the mlp (0: 128)")
      .range(0, 65536);
  rows.add("width_max", width_max, "largest width of the resnet or ddpm").range(1, 65536);
  rows.add("depth", depth, "hidden layers of the mlp").range(1, 64);
  rows.add("patch", patch, kPatchHelp).unit("pixels").range(1, 8);
  rows.add("activation", activation, "activation of the mlp").choices(activations());
  rows.add("res_ratio", res_ratio, "weight of the residual branch in each block of the resnet");
  rows.add("quadratic", quadratic, "add y'Ay + b'y to the mlp; needed in tens of dimensions");
  rows.add("zero_last", zero_last, "initialise the last layer of the mlp with zeros");
  rows.on_resume(OnResume::alters_updates);
  rows.add("r1", r1,
           "lambda of the R1 penalty lambda/2 ||grad f||^2 on target samples; 0: off; auto: for images a weak one that "
           "keeps the potential from running away (0.003 / tau in every fourth iteration), else 0")
      .least(0);
  rows.add("r1_every", r1_every,
           "compute R1 in every n-th potential step and scale it by n; with r1 = \"auto\" images take 4")
      .unit("iterations")
      .least(1);
  rows.add("expectile", expectile, "weight of the expectile regulariser (ENOT); 0: off").least(0);
  rows.add("expectile_level", expectile_level, "level of the expectile regulariser, usually 0.9 to 0.99")
      .range(0.5, 0.9999);
  rows.add("expectile_scale", expectile_scale,
           "what the expectile regulariser is divided by: cost: the mean cost of the batch's pairs, so that its weight "
           "depends neither on the dimension nor on cost.scale; none: by nothing, as published")
      .choices({"cost", "none"});
  rows.add("weight", weight,
           "weight of the potential's loss beside the map's in a simultaneous update of gradient maps, whose nets have "
           "both roles; below 1 the maps follow the potentials more closely, which high dimensions need")
      .above_zero();
  rows.on_resume(OnResume::fixed, "changes what a checkpoint holds");
  rows.add("augment", augment,
           "images: random changes of outputs and target samples before the potential, against a potential that "
           "memorises a small target: geometry (mirroring, shifts), colour (brightness, contrast, hue, saturation) or "
           "all; outputs do not learn them")
      .choices(ot::augmentation_kinds().names());
  rows.add("augment_strength", augment_strength,
           "probability of each change; auto: it rises while the potential tells the target's training samples from "
           "held-out ones")
      .range(0, 0.9);  // at 1 no image would be as it is, and outputs could be changed ones
  rows.on_resume(OnResume::alters_updates);
  rows.add(
          "augment_goal", augment_goal,
          "overfitting above which a strength of \"auto\" rises: how far the mean of f on held-out target samples lies "
          "below that on training samples, in standard deviations of f")
      .range(0, 10);
}

}  // namespace monge::solve
