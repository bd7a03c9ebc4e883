#include "monge/session/translation_size.h"

#include <algorithm>

#include "monge/core/error.h"
#include "monge/data/native_images.h"

namespace monge::session {
namespace {

using SizeKind = SizeChoice::Kind;

constexpr int64_t kLeastSide = 8, kMostSide = 4096;  // as source.size

SizeChoice parse_size(const std::string& words) {
  if (words.empty()) return {};
  if (words == "keep") return {.kind = SizeKind::keep};
  if (words == "train") return {.kind = SizeKind::train};
  const auto size = parse_image_size(words);
  if (size && std::min(size->width, size->height) >= kLeastSide && std::max(size->width, size->height) <= kMostSide)
    return {.kind = SizeKind::given, .size = *size};
  throw InputError({.what = "not a size of images",
                    .where = "--size",
                    .value = '"' + words + '"',
                    .allowed = text("keep, train, WIDTHxHEIGHT or one number, each side ", kLeastSide, " to ",
                                    kMostSide, " pixels")});
}

}  // namespace

SizeChoice size_choice(const TranslateOptions& options, const model::Model& model) {
  const bool by_number = options.size.empty() && options.state_dict.size.width > 0;
  const auto words = by_number ? text_of(options.state_dict.size) : options.size;
  auto choice = parse_size(words);
  if (model.item_shape.size() != 3) {
    require(choice.kind == SizeKind::automatic, "--size ", words, ": this map takes vectors, which have no size");
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
  require(model.sizes || choice.kind == SizeKind::train, "--size ", words, ": this map was trained at ",
          text_of(trained), " pixels and accepts no other size");
  if (choice.kind != SizeKind::given) choice.size = trained;
  return choice;
}

}  // namespace monge::session
