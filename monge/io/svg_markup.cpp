#include "monge/io/svg_markup.h"

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "monge/core/error.h"
#include "monge/core/names.h"

namespace monge::io {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

/// The part of an XML name after its prefix.
std::string_view local_name(std::string_view name) {
  const auto colon = name.rfind(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

/// Steps through the tags of an XML text, and passes over comments, CDATA and instructions.
class XmlTags {
 public:
  explicit XmlTags(std::string_view text) : text_(text) {}

  /// Goes to the next tag. @return false at the end, or where the text is malformed.
  bool next() {
    for (;;) {
      at_ = text_.find('<', at_);
      if (at_ == std::string_view::npos) return false;
      const auto rest = text_.substr(at_);
      bool passed = true;
      if (rest.starts_with("<!--")) {
        passed = pass("-->");
      } else if (rest.starts_with("<![CDATA[")) {
        passed = pass("]]>");
      } else if (rest.starts_with("<?")) {
        passed = pass("?>");
      } else if (rest.starts_with("<!")) {
        passed = pass_declaration();
      } else {
        return read_tag();
      }
      if (!passed) return false;
    }
  }

  std::string_view name() const { return name_; }  ///< without its prefix
  bool is_end() const { return is_end_; }          ///< "</g>"
  bool is_empty() const { return is_empty_; }      ///< "<g/>"
  std::string_view declaration() const { return declaration_; }

  /// The value of an attribute of the tag, by its name without a prefix; nothing if it has none.
  std::optional<std::string_view> attribute(std::string_view wanted) const {
    auto rest = attributes_;
    for (;;) {
      const auto equals = rest.find('=');
      if (equals == std::string_view::npos) return {};
      auto own = rest.substr(0, equals);
      own.remove_suffix(own.size() - std::min(own.find_last_not_of(kSpace) + 1, own.size()));
      own.remove_prefix(std::min(own.find_last_of(kSpace) + 1, own.size()));
      const auto open = rest.find_first_of("\"'", equals);
      if (open == std::string_view::npos) return {};
      const auto close = rest.find(rest[open], open + 1);
      if (close == std::string_view::npos) return {};
      if (local_name(own) == wanted) return rest.substr(open + 1, close - open - 1);
      rest.remove_prefix(close + 1);
    }
  }

 private:
  bool pass(std::string_view end) {
    const auto found = text_.find(end, at_);
    at_ = found == std::string_view::npos ? found : found + end.size();
    return at_ != std::string_view::npos;
  }

  /// <!DOCTYPE ...>, whose declarations stand in square brackets.
  bool pass_declaration() {
    int depth = 0;
    for (size_t i = at_; i < text_.size(); ++i) {
      if (text_.substr(i).starts_with("<!--")) {
        i = text_.find("-->", i);
        if (i == std::string_view::npos) return false;
        i += 2;
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
      declaration_ = text_.substr(at_, i + 1 - at_);
      at_ = i + 1;
      return true;
    }
    return false;
  }

  bool read_tag() {
    size_t i = at_ + 1;
    is_end_ = i < text_.size() && text_[i] == '/';
    i += is_end_;
    const auto begin = i;
    i = text_.find_first_of(" \t\r\n/>", i);
    if (i == std::string_view::npos) return false;
    name_ = local_name(text_.substr(begin, i - begin));
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

  std::string_view text_, name_, attributes_, declaration_;
  size_t at_ = 0;
  bool is_end_ = false, is_empty_ = false;
};

/// Whether a declaration defines an entity whose value has a tag.
bool has_markup_entity(std::string_view declaration) {
  for (size_t at = 0; (at = declaration.find("<!ENTITY", at)) != std::string_view::npos; ++at) {
    const auto open = declaration.find_first_of("\"'", at);
    if (open == std::string_view::npos) return false;
    const auto close = declaration.find(declaration[open], open + 1);
    const auto value = declaration.substr(open, std::min(close, declaration.size()) - open);
    // "&#60;" and "&#x3c;" are tags as well.
    if (value.find('<') != std::string_view::npos || value.find("&#") != std::string_view::npos) return true;
  }
  return false;
}

/// Whether any number of the text exceeds `most`.
bool exceeds(std::string_view words, double most) {
  const std::string all(words);
  for (const char* at = all.c_str(); *at != '\0';) {
    char* end = nullptr;
    const double value = std::strtod(at, &end);
    if (end != at && !(value <= most)) return true;
    at = end == at ? at + 1 : end;
  }
  return false;
}

/// Why a tag must not be given to librsvg; empty if it may.
std::string refusal_of(const XmlTags& tag) {
  const auto name = tag.name();
  if (name == "image" || name == "feImage" || name == "use") {
    const auto href = tag.attribute("href");
    if (!href || href->empty() || href->starts_with('#')) return {};
    const auto what = href->starts_with("data:") ? std::string("an embedded image") : "the file " + shown(*href);
    return text("its <", name, "> refers to ", what, ", and only drawings that are complete in themselves are read");
  }
  constexpr double kMostOrder = 9, kMostOctaves = 16;
  if (name == "feConvolveMatrix" && exceeds(tag.attribute("order").value_or(""), kMostOrder))
    return text("its <feConvolveMatrix> has an order above ", kMostOrder);
  if (name == "feTurbulence" && exceeds(tag.attribute("numOctaves").value_or(""), kMostOctaves))
    return text("its <feTurbulence> has more than ", kMostOctaves, " octaves");
  return {};
}

/// Whether a stroke, in an attribute or a style, is so wide that cairo would take minutes for its round ends.
bool has_endless_stroke(std::string_view bytes) {
  constexpr std::string_view kWidth = "stroke-width";
  constexpr double kMostWidth = 1e6;
  for (size_t at = 0; (at = bytes.find(kWidth, at)) != std::string_view::npos;) {
    at += kWidth.size();
    const auto value = bytes.find_first_not_of(" \t\r\n=:\"'", at);
    if (value == std::string_view::npos) return false;
    constexpr size_t kLongest = 400;  // of a number in decimals
    const auto word = bytes.substr(value, std::min(bytes.find_first_of(";\"'}", value) - value, kLongest));
    if (exceeds(word, kMostWidth)) return true;
  }
  return false;
}

int64_t deepest_nesting(std::string_view text) {
  int64_t depth = 0, most = 0;
  for (const char c : text) {
    depth += c == '(' || c == '[' || c == '{';
    depth -= depth > 0 && (c == ')' || c == ']' || c == '}');
    most = std::max(most, depth);
  }
  return most;
}

}  // namespace

bool is_svg(std::string_view bytes) {
  if (bytes.starts_with("\xef\xbb\xbf")) bytes.remove_prefix(3);
  const auto begin = bytes.find_first_not_of(kSpace);
  if (begin == std::string_view::npos || bytes[begin] != '<') return false;
  XmlTags tags(bytes);
  return tags.next() && tags.name() == "svg" && !tags.is_end();
}

bool is_chosen_group(std::string_view id, const std::vector<std::string>& chosen) {
  return std::any_of(chosen.begin(), chosen.end(), [&](std::string_view name) {
    return name.ends_with('*') ? id.starts_with(name.substr(0, name.size() - 1)) : id == name;
  });
}

SvgMarkup read_svg_markup(std::string_view bytes) {
  SvgMarkup out;
  out.most_nested = deepest_nesting(bytes);
  XmlTags tags(bytes);
  for (int64_t depth = 0; out.refusal.empty() && tags.next();) {
    if (tags.is_end()) {
      --depth;
      continue;
    }
    ++out.elements;
    out.refusal = refusal_of(tags);
    if (const auto id = tags.attribute("id"); depth == 1 && tags.name() == "g" && id) out.groups.emplace_back(*id);
    if (!tags.is_empty()) ++depth;
  }
  if (has_endless_stroke(bytes)) out.refusal = "it has a stroke of more than a million pixels";
  if (has_markup_entity(tags.declaration())) out.refusal = "its DOCTYPE defines entities that hold markup";
  return out;
}

}  // namespace monge::io
