#include "monge/cli/feature_options.h"

namespace monge::cli {

void add_feature_options(CLI::App& command, session::FeatureOptions& options) {
  command
      .add_option("--features", options.features,
                  "Feature net: inception, or a TorchScript file that maps [N,3,H,W] in 0..255 to [N,F]")
      ->capture_default_str();
  command
      .add_option(
          "--mode", options.mode,
          "Resizing of images to inception's input size: clean (antialiased bicubic) or legacy (bilinear, as in "
          "the first PyTorch port)")
      ->check(CLI::IsMember({"clean", "legacy"}))
      ->capture_default_str();
  command.add_option("--weights", options.weights, "Folder to search first for weight files; see monge weights list");
  command.add_option("--batch", options.batch, "Images per batch; changes only speed and memory")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  command.add_option("--samples", options.samples, "Use only the first N images of each set; 0: all")
      ->check(from_zero())
      ->capture_default_str();
  command.add_option("--background", options.background, "Colour behind transparent pixels: white, black, #rrggbb")
      ->capture_default_str();
  command
      .add_option("--on-error", options.on_error,
                  "Action for images that cannot be used: fail (list them) or skip (count them)")
      ->check(CLI::IsMember({"fail", "skip"}))
      ->capture_default_str();
}

}  // namespace monge::cli
