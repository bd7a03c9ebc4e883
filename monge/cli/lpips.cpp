// monge lpips: the perceptual distance of each image of a set to its partner in another set.
#include <cstdio>
#include <memory>

#include "monge/cli/command.h"
#include "monge/session/paired_distances.h"

namespace monge::cli {
namespace {

struct LpipsOptions {
  Common common;
  session::PairedOptions pairs;
  std::string a, b;
};

int lpips_command(const LpipsOptions& options) {
  const auto compute = compute_for(options.common);
  session::set_threads(compute);
  watch_signals();
  const auto means = session::compare_pairs(options.a, options.b, options.pairs, compute, hooks_for(options.common));
  if (!means.complete) return kStopped;
  if (!options.common.json) {
    std::printf("%.9g\n", means.lpips);
    return kDone;
  }
  print_json({{"metric", "lpips"},
              {"value", means.lpips},
              {"features", options.pairs.net},
              {"mode", "v0.1"},
              {"n_a", means.pairs},
              {"n_b", means.pairs},
              {"skipped", means.skipped},
              {"weights", means.hash},
              {"a", options.a},
              {"b", options.b},
              {"mse", means.mse},
              {"psnr", means.psnr()},
              {"ssim", means.ssim}});
  return kDone;
}

}  // namespace

void add_lpips(CLI::App& program, Action& action) {
  auto* command =
      program.add_subcommand("lpips", "Mean perceptual distance between paired images; with MSE, PSNR and SSIM");
  auto options = std::make_shared<LpipsOptions>();
  command->add_option("A", options->a, "Folder, archive or .npy of images, or one image")->required();
  command->add_option("B", options->b, "The other set; partners have the same name, except for the extension")
      ->required();
  command->add_option("--net", options->pairs.net, "Trunk network")
      ->check(CLI::IsMember({"alex", "squeeze", "vgg"}))
      ->capture_default_str();
  command->add_option("--weights", options->pairs.weights,
                      "Folder to search first for weight files; see monge weights list");
  command->add_flag("--by-order", options->pairs.by_order, "Pair by order instead of by name");
  command->add_option("--table", options->pairs.table, "Also write the metrics of each pair to this .csv file");
  command
      ->add_option("--on-error", options->pairs.on_error,
                   "Action for images that cannot be used: fail (list them) or skip (count them)")
      ->check(CLI::IsMember({"fail", "skip"}))
      ->capture_default_str();
  command
      ->add_option("--background", options->pairs.background, "Colour behind transparent pixels: white, black, #rrggbb")
      ->capture_default_str();
  add_common(*command, options->common);
  command->callback([&action, options] { action = [options] { return lpips_command(*options); }; });
}

}  // namespace monge::cli
