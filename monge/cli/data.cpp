// monge data: brings sets of data here and makes them ready for training.
#include "monge/cli/command.h"

namespace monge::cli {

void add_data(CLI::App& program, Action& action) {
  auto* group = program.add_subcommand("data", "Fetch sets of data");
  group->require_subcommand(1);
  group->footer("The public sets, their addresses and licences, and the way from each to a training: docs/datasets.md");
  add_data_fetch(*group, action);
}

}  // namespace monge::cli
