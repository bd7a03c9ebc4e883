#include "monge/session/translation_size.h"

#include "monge/core/error.h"

namespace monge::session {

SizeChoice size_choice(const TranslateOptions& options, const model::Model& model, bool array) {
  using SizeKind = SizeChoice::Kind;
  const bool by_number = options.size.empty() && options.state_dict.size.width > 0;
  const bool by_recipe = options.size.empty() && model.recipe && !array && model.item_shape.back() > 0;
  const std::string where = by_recipe ? "output.size" : "--size";
  const auto words = by_number   ? text_of(options.state_dict.size)
                     : by_recipe ? model.recipe->output.size
                                 : options.size;
  auto choice = parse_output_size(words, where);
  if (model.item_shape.size() != 3) {
    require(choice.kind == SizeKind::automatic, where, " ", words, ": this map takes vectors, which have no size");
    return choice;
  }
  const ImageSize trained(model.item_shape[2], model.item_shape[1]);
  if (trained.width == 0) {
    require(choice.kind != SizeKind::train, "--size train: ", model.origin,
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
