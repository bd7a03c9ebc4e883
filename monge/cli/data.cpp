// monge data: fetches sets of data and prepares them for training.
#include "monge/cli/command.h"

namespace monge::cli {

void add_data(CLI::App& program, Action& action) {
  auto* group = program.add_subcommand("data", "Fetch, check and pack data before training");
  group->require_subcommand(1);
  group->footer(
      "Public data sets, their addresses and licences, and how to train on each: docs/datasets.md\n"
      "Format of a packed set: docs/formats.md");
  add_data_fetch(*group, action);
  add_data_check(*group, action);
  add_data_pack(*group, action);
}

}  // namespace monge::cli
