#include "monge/cli/bare_checkpoint.h"

#include "monge/core/error.h"

namespace monge::cli {

void add_bare_options(CLI::App& command, BareOptions& bare) {
  command
      .add_option("--size", bare.size,
                  "Side that images are brought to, for bare checkpoints; translate leaves them their own sizes "
                  "without it, eval takes 64")
      ->check(CLI::Range(8, 4096));
  command.add_option("--z-std", bare.z_std, "Standard deviation of the noise, for bare checkpoints [0.1]")
      ->check(CLI::PositiveNumber);
}

void apply_bare_options(const BareOptions& bare, model::Model& model) {
  if (bare.size > 0) {
    require(model.item_shape.size() == 3, "--size ", bare.size, ": this map takes vectors, which have no size");
    require(model.item_shape[1] == 0 || bare.size == model.item_shape[1], "--size ", bare.size,
            ": this map was trained at ", model.item_shape[1], " pixels and takes no other size");
  }
  if (bare.z_std > 0) {
    require(!model.recipe, "--z-std ", bare.z_std,
            ": this model's recipe says the standard deviation of its noise; leave the flag out");
    require(model.noise.channels > 0, "--z-std ", bare.z_std, ": this map takes no noise");
    model.noise.std = bare.z_std;
  }
}

}  // namespace monge::cli
