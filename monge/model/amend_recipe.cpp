#include "monge/model/amend_recipe.h"

#include <algorithm>
#include <string_view>

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/core/user_words.h"
#include "monge/model/pretrained.h"
#include "monge/train/training_data.h"

namespace monge::model {
namespace {

bool describes_only(std::string_view key) {
  constexpr std::string_view kKeys[] = {"name",        "source.path", "target.path",
                                        "eval.source", "eval.target", "train.init"};
  constexpr std::string_view kSections[] = {"card.", "output."};
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
    throw InputError(
        {.what = "the map or its metrics depend on this key",
         .where = user_word("assignment"),
         .value = assignment,
         .allowed = "name, card.*, output.*, source.path, target.path, eval.source, eval.target, train.init",
         .fix = "train with another value"});
  }
  require(recipe.name == model.recipe->name || is_model_name(recipe.name), user_word("assignment"),
          " name=", printable(recipe.name),
          ": not the name of a model (allowed: up to 100 letters, digits, \"-\", \"_\" and \".\")");
  recipe.output.check();
  recipe.card.check();
  train::check_output_options(recipe, model.item_shape);
  // Outputs were clamped to the former range when they were measured.
  if (recipe.output.range != model.recipe->output.range) model.evaluation.reset();
  model.recipe = std::move(recipe);
  model.set_output_range(model.recipe->output.range);
}

}  // namespace monge::model
