// What is read of the text of an SVG file before librsvg parses it: its groups, its size, and what librsvg must not be
// given.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace monge::io {

/// The facts about one file. The text is taken as XML in UTF-8; where it is malformed, the rest is not examined, since
/// librsvg refuses it.
struct SvgMarkup {
  std::vector<std::string> groups;  ///< ids of the <g> elements directly below the root, in order
  int64_t elements = 0;             ///< start tags
  int64_t deepest = 0;              ///< the most elements that are drawn inside each other, by <use> and masks too
  int64_t filters = 0;              ///< elements of filters: <feBlend>, <feFlood> and the like
  /// The most brackets that open in one tag, or in all style sheets together: no expression nests deeper, whatever
  /// quotes and stray brackets are in it. A reference ("&a;") counts as the brackets that it may stand for.
  int64_t most_brackets = 0;
  /// The most layers that are drawn at once: those of elements with an opacity, a mask, a clip path, a filter or a
  /// blend mode, inside each other. A style sheet that sets one may set it for all elements.
  int64_t layers = 0;
  int64_t links = 0;  ///< elements that others draw with: <filter>, <marker>, <mask>, <pattern>
  /// The most bytes of the attributes of one tag, such as the data of a path, with those that references may stand for.
  int64_t longest_tag = 0;
  /// The most bytes that state one path and all clip paths that it is cut with, or a number that is above any such sum.
  int64_t path_bytes = 0;
  int64_t expanded = 0;      ///< the most bytes that references stand for, in the whole file
  int64_t longest_text = 0;  ///< bytes in one <text>, with those that references may stand for
  std::string refusal;       ///< why the file must not be drawn; empty: it may
};

/// Whether the first element of the text is named svg, with or without a namespace prefix.
bool is_svg(std::string_view bytes);

/// Examines a whole file. `refusal` names
/// - images, embedded or in other files, since these are not read, and other files that <use> refers to;
/// - what would hide a part of the file from this examination: encodings that write tags with other bytes than those of
///   ASCII (UTF-7) or other characters with bytes of ASCII (Shift_JIS, GBK, GB18030, Big5), <include> of XInclude,
///   style sheets in addresses ("data:"), entities that hold markup or other entities, attributes that the DOCTYPE
///   sets;
/// - what takes minutes in librsvg 2.54: feConvolveMatrix of more than 9 rows or columns, feTurbulence of more than 16
///   octaves, strokes of more than a million pixels, a <text> of more than 16 KiB.
SvgMarkup read_svg_markup(std::string_view bytes);

/// Whether the id of a group is among the chosen: "line*" means every id that begins with "line".
bool is_chosen_group(std::string_view id, const std::vector<std::string>& chosen);

}  // namespace monge::io
