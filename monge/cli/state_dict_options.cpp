#include "monge/cli/state_dict_options.h"

namespace monge::cli {

void add_state_dict_options(CLI::App& command, session::StateDictOptions& options) {
  command
      .add_option("--size", options.size,
                  "Side that images are brought to, for bare checkpoints; translate leaves them their own sizes "
                  "without it, eval takes 64")
      ->check(CLI::Range(8, 4096));
  command.add_option("--z-std", options.z_std, "Standard deviation of the noise, for bare checkpoints [0.1]")
      ->check(CLI::PositiveNumber);
}

}  // namespace monge::cli
