#include "monge/cli/bare_checkpoint.h"

namespace monge::cli {

void add_bare_options(CLI::App& command, session::BareModelOptions& bare) {
  command
      .add_option("--size", bare.size,
                  "Side that images are brought to, for bare checkpoints; translate leaves them their own sizes "
                  "without it, eval takes 64")
      ->check(CLI::Range(8, 4096));
  command.add_option("--z-std", bare.z_std, "Standard deviation of the noise, for bare checkpoints [0.1]")
      ->check(CLI::PositiveNumber);
}

}  // namespace monge::cli
