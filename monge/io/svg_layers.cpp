#include "monge/io/svg_layers.h"

#include <algorithm>

#include "monge/core/ascii.h"

namespace monge::io {

bool may_set_layer(std::string_view text) {
  if (text.find_first_of("&\\") != std::string_view::npos) return true;
  const auto lower = lower_case(text);
  for (const std::string_view word : {"opacity", "mask", "clip-path", "filter", "mix-blend-mode", "isolation"}) {
    for (size_t at = 0; (at = lower.find(word, at)) != std::string::npos; at += word.size()) {
      if (at == 0 || lower[at - 1] != '-') return true;  // not "fill-opacity"
    }
  }
  return false;
}

void LayerCount::open(const XmlTags& tag) {
  const bool layered = may_set_layer(tag.attributes());
  ++elements_;
  all_ += layered;
  uses_ += tag.name() == "use";
  for (const char* link : {"filter", "marker", "mask", "pattern"}) links_ += tag.name() == link;
  open_.push_back(layered);
  now_ += layered;
  nested_ = std::max(nested_, now_);
  deepest_ = std::max(deepest_, static_cast<int64_t>(open_.size()));
  if (tag.is_empty()) close();
}

void LayerCount::close() {
  if (open_.empty()) return;
  now_ -= open_.back();
  open_.pop_back();
}

// A chain of <use>, or of masks that use masks, draws the elements of each of its links inside those of the links
// before.

int64_t LayerCount::most(bool by_sheet) const {
  // Chains of masks are not counted: who draws is limited to what is held.
  return std::min(by_sheet ? elements_ : all_, (by_sheet ? deepest_ : nested_) * (1 + uses_));
}

int64_t LayerCount::deepest() const { return std::min(elements_, deepest_ * (1 + uses_ + links_)); }

}  // namespace monge::io
