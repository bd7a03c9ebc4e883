#include "monge/cli/state_dict_options.h"

namespace monge::cli {

void add_state_dict_options(CLI::App& command, session::StateDictOptions& options) {
  command
      .add_option("--size", options.size,
                  "Side in pixels to which images are cropped and resized, for a state dict without a recipe; default: "
                  "translate keeps the original sizes, eval uses 64")
      ->check(CLI::Range(8, 4096));
  command
      .add_option("--z-std", options.z_std,
                  "Standard deviation of the noise, for a state dict without a recipe; default: 0.1")
      ->check(CLI::PositiveNumber);
}

}  // namespace monge::cli
