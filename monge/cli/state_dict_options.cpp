#include "monge/cli/state_dict_options.h"

namespace monge::cli {

void add_z_std(CLI::App& command, session::StateDictOptions& options) {
  command
      .add_option("--z-std", options.z_std,
                  "Standard deviation of the noise, for a state dict without a recipe; default: 0.1")
      ->check(CLI::PositiveNumber);
}

void add_state_dict_options(CLI::App& command, session::StateDictOptions& options) {
  command
      .add_option_function<int64_t>(
          "--size", [&options](int64_t side) { options.size = side; },
          "Side in pixels to which images are cropped and resized, for a state dict without a recipe; default: 64")
      ->check(CLI::Range(8, 4096));
  add_z_std(command, options);
}

}  // namespace monge::cli
