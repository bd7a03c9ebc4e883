#include "monge/report/glossary.h"

#include "monge/core/name_pattern.h"
#include "monge/eval/metrics.h"

namespace monge::report {
namespace {

const std::vector<Figure>& rows() {
  using enum FigureGroup;
  static const std::vector<Figure> out{
      {"eval.target_error", "target error",
       "Energy distance between outputs and held-out target samples. A perfect map has about the floor.", target},
      {"eval.target_floor", "target floor",
       "The same distance between two sets of target samples. It is not 0, because samples are finite.", target},
      {"eval.target_start", "target start", "The same distance for the inputs themselves: a map that does nothing.",
       target},
      {"eval.feature_error", "feature error",
       "The target error in random convolution features of images, which see structure that pixels hide. The verdict "
       "on images uses it.",
       target},
      {"eval.feature_floor", "feature floor", "The target floor in these features.", target},
      {"eval.feature_start", "feature start", "The feature error of the inputs themselves.", target},
      {"eval.inverse_error", "inverse error",
       "Energy distance between the outputs of the inverse map and source samples.", target},
      {"eval.inverse_floor", "inverse floor", "The value of a perfect inverse map.", target},
      {"eval.fid_floor", "FID floor", "FID between two sets of target samples.", networks},
      {"eval.fid", "FID",
       "Fréchet distance between Inception features of outputs and target: lower is better. It depends on the number "
       "of "
       "samples, so compare with its floor.",
       networks},
      {"eval.kid_floor", "KID floor", "KID between two sets of target samples.", networks},
      {"eval.kid_stderr", "KID standard error", "The standard error of KID over its subsets.", networks},
      {"eval.kid", "KID", "Kernel distance between Inception features: lower is better, about 0 for a perfect map.",
       networks},
      {"eval.fd_*_floor", "FD floor", "The Fréchet distance between two sets of target samples.", networks},
      {"eval.fd_*", "Fréchet distance", "The Fréchet distance between features of the named network.", networks},
      {"eval.kd_*", "kernel distance", "The kernel distance between features of the named network.", networks},
      {"eval.lpips_diversity", "LPIPS diversity", "LPIPS between two outputs of one input.", networks},
      {"eval.lpips", "LPIPS", "Perceptual distance between input and output: how much the map changes what is seen.",
       networks},
      {"eval.ssim", "SSIM", "Structural similarity of input and output, 1 for equal images.", networks},
      {"eval.cost", "transport cost", "Mean of tau ||x - T(x)||² on held-out inputs: what the plan minimises.", map},
      {"eval.mse", "mean squared move", "Mean (x - T(x))² per entry: how far the map moves its inputs.", map},
      {"eval.psnr", "PSNR of input and output", "The mean squared move in decibels; images, high: little change.", map},
      {"eval.diversity", "diversity",
       "Root mean square difference per entry between two outputs of one input. 0: the map ignores its noise.", map},
      {"eval.cycle_error", "cycle error",
       "Mean squared distance between x and the inverse map of T(x), over the variance of x.", map},
      {"eval.colourfulness_*", "colourfulness", "How strong the colours are, of outputs and of the target.", map},
      {"eval.texture_*", "texture",
       "Energy of the finest detail of the outputs, over that of the target. 1 is right, less is blur, more than 1.5 "
       "is "
       "grain or a checkerboard.",
       map},
      {"eval.background_shift", "background shift",
       "Mean change of pixels that are white in the input, in levels of 0 to 255. 0 is right where the map should do "
       "nothing but colour.",
       map},
      {"eval.luma_shift", "luma shift",
       "Mean change of the luma, in levels of 0 to 255. 0 is right where the map should do nothing but colour.", map},
      {"eval.source_mass", "source mass", "Mean weight of the source samples in the unbalanced plan; 1: all is moved.",
       map},
      {"eval.target_mass", "target mass", "The same of the target samples.", map},
      {"eval.*_effective", "effective fraction", "The fraction of the samples that the weights leave in effect.", map},
      {"eval.*", "", "", map},
      {"loss_map", "loss of the map",
       "What the map minimises: cost minus potential of its outputs. It has no right value.", losses},
      {"cost", "transport cost in training", "The cost part of the map's loss, on training batches.", losses},
      {"potential_fake", "potential of outputs", "Mean potential f(T(x)); its level has no meaning by itself.", losses},
      {"loss_potential", "loss of the potential",
       "Mean f(T(x)) - mean f(y). Near 0 when outputs and target cannot be told apart; swings that grow mean "
       "divergence.",
       losses},
      {"gradient_map", "gradient norm of the map", "Before clipping.", losses},
      {"gradient_potential", "gradient norm of the potential", "Before clipping.", losses},
      {"noise_level", "noise level", "Standard deviation of the noise that smooths the source (method otp).", losses},
      {"skipped", "skipped updates", "Updates that were left out, because their gradients were not finite.", losses},
      {"augmentation", "augmentation", "Strength of the potential's augmentation.", losses},
      {"rate_map", "learning rate of the map", "", rates},
      {"rate_potential", "learning rate of the potential", "", rates}};
  return out;
}

}  // namespace

Figure figure_of(const std::string& key) {
  constexpr std::string_view kEvaluation = "eval.";
  for (const auto& row : rows()) {
    if (!fits_pattern(key, row.name)) continue;
    auto out = row;
    const bool is_evaluation = key.starts_with(kEvaluation);
    const auto name = is_evaluation ? key.substr(kEvaluation.size()) : key;
    // Several keys share a row with a star; each has its own title.
    if (out.name.find('*') != std::string::npos) out.title = name;
    out.name = key;
    if (is_evaluation && out.meaning.empty()) {
      if (const auto* metric = eval::metrics().find(name)) out.meaning = metric->note;
    }
    return out;
  }
  return {.name = key, .title = key, .meaning = "", .group = FigureGroup::losses};
}

const char* heading_of(FigureGroup group) {
  switch (group) {
    case FigureGroup::target:
      return "Does it reach its target?";
    case FigureGroup::networks:
      return "Distances by trained networks";
    case FigureGroup::map:
      return "What the map does";
    case FigureGroup::losses:
      return "Losses of the training";
    case FigureGroup::rates:
      return "Learning rates";
  }
  return "";
}

const std::vector<FigureGroup>& figure_groups() {
  using enum FigureGroup;
  static const std::vector<FigureGroup> out{target, networks, map, losses, rates};
  return out;
}

}  // namespace monge::report
