#include "monge/model/amend_recipe.h"

#include <algorithm>
#include <string_view>

#include "monge/core/error.h"
#include "monge/core/user_words.h"

namespace monge::model {
namespace {

bool describes_only(std::string_view key) {
  constexpr std::string_view kKeys[] = {"name", "source.path", "target.path", "train.init"};
  constexpr std::string_view kSections[] = {"card.", "output.", "eval."};
  return std::find(std::begin(kKeys), std::end(kKeys), key) != std::end(kKeys) ||
         std::any_of(std::begin(kSections), std::end(kSections),
                     [key](std::string_view section) { return key.starts_with(section); });
}

}  // namespace

void amend_recipe(Model& model, const std::vector<std::string>& assignments) {
  if (assignments.empty()) return;
  require(model.recipe.has_value(), model.origin, ": this state dict has no recipe, so there is nothing to amend");
  auto recipe = *model.recipe;
  train::assign(recipe, assignments);
  for (const auto& assignment : assignments) {
    const auto key = assignment.substr(0, assignment.find('='));
    if (describes_only(key)) continue;
    throw InputError({.what = "the map depends on this key",
                      .where = user_word("assignment"),
                      .value = assignment,
                      .allowed = "name, card.*, output.*, eval.*, source.path, target.path, train.init",
                      .fix = "train with another value"});
  }
  recipe.output.check();
  model.recipe = std::move(recipe);
  model.set_output_range(model.recipe->output.range);
}

}  // namespace monge::model
