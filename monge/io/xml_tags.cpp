#include "monge/io/xml_tags.h"

#include <algorithm>

namespace monge::io {
namespace {

/// The part of an XML name after its prefix.
std::string_view name_without_prefix(std::string_view name) {
  const auto colon = name.rfind(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

/// A comment, CDATA or an instruction.
bool is_skipped(std::string_view rest) {
  return rest.starts_with("<!--") || rest.starts_with("<![CDATA[") || rest.starts_with("<?");
}

/// The place after it; npos if it has no end. "<!-->" only begins a comment.
size_t end_of_skipped(std::string_view text, size_t at) {
  const auto rest = text.substr(at);
  const bool comment = rest.starts_with("<!--"), instruction = rest.starts_with("<?");
  const std::string_view end = comment ? "-->" : instruction ? "?>" : "]]>";
  const auto found = text.find(end, at + (comment ? 4 : instruction ? 2 : 9));
  return found == std::string_view::npos ? found : found + end.size();
}

}  // namespace

bool XmlTags::next() {
  last_end_ = at_;
  for (;;) {
    at_ = text_.find('<', at_);
    if (at_ == std::string_view::npos) return false;
    begin_ = at_;
    const auto rest = text_.substr(at_);
    bool passed = true;
    if (is_skipped(rest)) {
      at_ = end_of_skipped(text_, at_);
      passed = at_ != std::string_view::npos;
    } else if (rest.starts_with("<!")) {
      passed = pass_declaration();
    } else {
      return read_tag();
    }
    if (!passed) return false;
  }
}

std::vector<std::string_view> XmlTags::values(std::string_view wanted) const {
  std::vector<std::string_view> out;
  for (auto rest = attributes_;;) {
    const auto equals = rest.find('=');
    if (equals == std::string_view::npos) return out;
    auto own = rest.substr(0, equals);
    own.remove_suffix(own.size() - std::min(own.find_last_not_of(kXmlSpace) + 1, own.size()));
    own.remove_prefix(std::min(own.find_last_of(kXmlSpace) + 1, own.size()));
    const auto open = rest.find_first_of("\"'", equals);
    if (open == std::string_view::npos) return out;
    const auto close = rest.find(rest[open], open + 1);
    if (close == std::string_view::npos) return out;
    if (name_without_prefix(own) == wanted) out.push_back(rest.substr(open + 1, close - open - 1));
    rest.remove_prefix(close + 1);
  }
}

/// <!DOCTYPE ...>, whose declarations stand in square brackets.
bool XmlTags::pass_declaration() {
  int depth = 0;
  for (size_t i = at_; i < text_.size(); ++i) {
    if (is_skipped(text_.substr(i))) {
      i = end_of_skipped(text_, i);
      if (i == std::string_view::npos) return false;
      --i;
      continue;
    }
    const char c = text_[i];
    if (c == '"' || c == '\'') {
      i = text_.find(c, i + 1);
      if (i == std::string_view::npos) return false;
    }
    depth += c == '<' || c == '[';
    depth -= c == '>' || c == ']';
    if (depth > 0) continue;
    declarations_ += text_.substr(at_, i + 1 - at_);
    at_ = i + 1;
    return true;
  }
  return false;
}

bool XmlTags::read_tag() {
  size_t i = at_ + 1;
  is_end_ = i < text_.size() && text_[i] == '/';
  i += is_end_;
  const auto begin = i;
  i = text_.find_first_of(" \t\r\n/>", i);
  if (i == std::string_view::npos) return false;
  name_ = name_without_prefix(text_.substr(begin, i - begin));
  const auto attributes = i;
  for (; i < text_.size() && text_[i] != '>'; ++i) {
    if (text_[i] != '"' && text_[i] != '\'') continue;
    i = text_.find(text_[i], i + 1);
    if (i == std::string_view::npos) return false;
  }
  if (i >= text_.size()) return false;
  attributes_ = text_.substr(attributes, i - attributes);
  is_empty_ = !is_end_ && text_[i - 1] == '/';
  at_ = i + 1;
  return true;
}

}  // namespace monge::io
