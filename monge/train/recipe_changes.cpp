#include "monge/train/recipe_changes.h"

#include <algorithm>

#include "monge/core/error.h"

namespace monge::train {
namespace {

std::string value_as_toml(const Option& option) {
  try {
    return OptionTable::to_toml(option);
  } catch (const InputError&) {
    return "(not UTF-8)";
  }
}

}  // namespace

std::vector<RecipeChange> changes_from_defaults(Recipe recipe) {
  Recipe standard;
  const auto ours = recipe.options(), defaults = standard.options();
  std::vector<RecipeChange> out;
  for (size_t i = 0; i < ours.options().size(); ++i) {
    const auto& option = ours.options()[i];
    const auto value = value_as_toml(option), usual = value_as_toml(defaults.options().at(i));
    if (value != usual) out.push_back({.key = option.key, .values = {value}, .standard = usual, .help = option.help});
  }
  return out;
}

std::vector<RecipeChange> differences_between(std::vector<std::optional<Recipe>> recipes) {
  std::vector<RecipeChange> out;
  for (size_t k = 0; k < recipes.size(); ++k) {
    auto recipe = recipes[k].value_or(Recipe());
    const auto table = recipe.options();
    for (size_t i = 0; i < table.options().size(); ++i) {
      const auto& option = table.options()[i];
      if (k == 0) out.push_back({.key = option.key, .values = {}, .help = option.help});
      out[i].values.push_back(recipes[k] ? value_as_toml(option) : "-");
    }
  }
  std::erase_if(out, [](const RecipeChange& change) {
    return std::all_of(change.values.begin(), change.values.end(),
                       [&](const std::string& value) { return value == change.values.front(); });
  });
  return out;
}

}  // namespace monge::train
