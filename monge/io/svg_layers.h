// Counts the layers to which a drawing is drawn.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "monge/io/xml_tags.h"

namespace monge::io {

/// Whether the attributes of a tag, or a style sheet, may set a property that makes librsvg draw to a layer. One that a
/// reference or an escape of CSS may stand for counts too.
bool may_set_layer(std::string_view text);

/// The layers of the elements that are open, while a file is read.
class LayerCount {
 public:
  void open(const XmlTags& tag);
  void close();
  /// The most layers that are drawn at once.
  /// @param by_sheet  a style sheet may set a layer for any element.
  int64_t most(bool by_sheet) const;
  /// The most elements that are drawn inside each other.
  int64_t deepest() const;
  /// Elements that others draw with: <filter>, <marker>, <mask>, <pattern>.
  int64_t links() const { return links_; }

 private:
  std::vector<char> open_;
  int64_t now_ = 0, nested_ = 0, all_ = 0, uses_ = 0, links_ = 0, deepest_ = 0, elements_ = 0;
};

}  // namespace monge::io
