// monge data: what is done to data before training.
#include "monge/cli/command.h"

namespace monge::cli {

void add_data(CLI::App& program, Action& action) {
  auto* group = program.add_subcommand("data", "Fetch, check and pack pictures before training");
  group->require_subcommand(1);
  group->footer("docs/datasets.md goes from an address to a training, docs/formats.md describes packed sets.");
  add_data_check(*group, action);
  add_data_pack(*group, action);
}

}  // namespace monge::cli
