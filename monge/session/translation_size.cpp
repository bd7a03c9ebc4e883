#include "monge/session/translation_size.h"

#include "monge/core/error.h"
#include "monge/core/user_words.h"

namespace monge::session {

TranslateOptions with_size_of_recipe(TranslateOptions options, const model::Model& model, bool array) {
  if (!options.size.empty() || !model.recipe) return options;
  const auto& size = model.recipe->output.size;
  if (!array || size == "residual") options.size = size;
  return options;
}

OutputSize size_choice(const TranslateOptions& options, const model::Model& model) {
  using SizeKind = OutputSize::Kind;
  const bool by_number = options.size.empty() && options.state_dict.size.width > 0;
  const auto words = by_number ? text_of(options.state_dict.size) : options.size;
  const auto where = user_word("TranslateOptions::size");
  auto choice = parse_output_size(words, where);
  if (model.item_shape.size() != 3) {
    require(choice.kind == SizeKind::automatic, where, " ", words, ": this map takes vectors, which have no size");
    return choice;
  }
  const ImageSize trained(model.item_shape[2], model.item_shape[1]);
  if (trained.width == 0) {
    require(choice.kind != SizeKind::train && choice.kind != SizeKind::residual, where, " ", words, ": ", model.origin,
            " does not say the size of its training; give WIDTHxHEIGHT, or keep");
    if (choice.kind == SizeKind::automatic) choice.kind = SizeKind::keep;
    return choice;
  }
  if (choice.kind == SizeKind::given && choice.size == trained) choice.kind = SizeKind::train;
  if (choice.kind == SizeKind::automatic && !model.sizes) choice.kind = SizeKind::train;
  require(model.sizes || choice.kind == SizeKind::train, where, " ", words, ": this map was trained at ",
          text_of(trained), " pixels and accepts no other size");
  if (choice.kind != SizeKind::given) choice.size = trained;
  return choice;
}

}  // namespace monge::session
