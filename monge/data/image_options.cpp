#include "monge/data/image_options.h"

#include "monge/core/user_words.h"

namespace monge::data {

const ValueNames<OnError>& on_error_names() {
  static const ValueNames<OnError> names{{"fail", OnError::fail}, {"skip", OnError::skip}};
  return names;
}

const ValueNames<ColourChoice>& colour_names() {
  static const ValueNames<ColourChoice> names{
      {"auto", ColourChoice::automatic}, {"rgb", ColourChoice::rgb}, {"grey", ColourChoice::grey}};
  return names;
}

std::string unusable_images_fix() {
  return "repair or remove them, or leave them out (" + user_word("ImageOptions::on_error = \"skip\"") + ')';
}

ColourChoice ImageOptions::colour_choice() const {
  const auto found = colour_names().find(colour);
  if (found) return *found;
  throw InputError({.what = "unknown choice of channels",
                    .where = "colour",
                    .value = '"' + colour + '"',
                    .allowed = join(colour_names().names())});
}

RangeChoice range_choice(const std::string& range) {
  static const ValueNames<RangeChoice> names{{"full", RangeChoice::full}, {"auto", RangeChoice::automatic}};
  return names.find(range).value_or(RangeChoice::given);
}

PreparationOptions ImageOptions::preparation() const {
  PreparationOptions out;
  out.height = size.height;
  out.width = size.width;
  out.resize_to = resize_to;
  out.crop = crop;
  out.filter = filter;
  out.background = background;
  out.grey = grey;
  out.channels = colour_choice() == ColourChoice::grey ? 1 : 3;
  out.exif = exif;
  out.range = range;
  return out;
}

}  // namespace monge::data
