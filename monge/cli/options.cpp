// monge options: prints every key of a recipe, as docs/recipes.md or as a commented recipe.
#include <iostream>
#include <memory>

#include "monge/cli/command.h"
#include "monge/train/recipe.h"

namespace monge::cli {

void add_options(CLI::App& program, Action& action) {
  auto* command = program.add_subcommand("options", "Print every recipe key with its default, range and meaning");
  auto format = std::make_shared<std::string>("toml");
  command->add_option("--format", *format, "toml (a commented recipe) or markdown (docs/recipes.md)")
      ->check(CLI::IsMember({"toml", "markdown"}))
      ->capture_default_str();
  command->callback([&action, format] {
    action = [format] {
      train::Recipe recipe;
      const auto table = recipe.options();
      if (*format == "toml") {
        std::cout << table.to_toml(true);
      } else {
        std::cout
            << "# Recipes\n\nEvery key of a recipe. Made by `monge options --format markdown`; do not edit.\n\n"
               "A recipe is a TOML file; `--set section.key=value` overrides a key for one run. Lists are written "
               "`[0.0, 0.9]`. Relative paths are taken from the recipe's folder if they exist there, else from the "
               "working folder.\n"
            << table.to_markdown();
      }
      return int{kDone};
    };
  });
}

}  // namespace monge::cli
