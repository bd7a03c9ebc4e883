#include "monge/io/svg_markup.h"

#include <algorithm>
#include <cstdlib>

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

/// Steps through the tags of an XML text, and passes over comments, CDATA and instructions. It must find the tags that
/// libxml2 finds in any text that libxml2 accepts: whoever writes a file may try to hide some.
class XmlTags {
 public:
  explicit XmlTags(std::string_view text) : text_(text) {}

  /// Goes to the next tag. @return false at the end, or where the text is malformed.
  bool next() {
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

  std::string_view name() const { return name_; }  ///< without its prefix
  bool is_end() const { return is_end_; }          ///< "</g>"
  bool is_empty() const { return is_empty_; }      ///< "<g/>"
  std::string_view attributes() const { return attributes_; }
  /// What stands between the tag before and this one, with comments and CDATA as they are written.
  std::string_view text_before() const { return text_.substr(last_end_, begin_ - last_end_); }
  const std::string& declarations() const { return declarations_; }

  /// The values of the attributes of the tag that have this name, with any prefix.
  std::vector<std::string_view> values(std::string_view wanted) const {
    std::vector<std::string_view> out;
    for (auto rest = attributes_;;) {
      const auto equals = rest.find('=');
      if (equals == std::string_view::npos) return out;
      auto own = rest.substr(0, equals);
      own.remove_suffix(own.size() - std::min(own.find_last_not_of(kSpace) + 1, own.size()));
      own.remove_prefix(std::min(own.find_last_of(kSpace) + 1, own.size()));
      const auto open = rest.find_first_of("\"'", equals);
      if (open == std::string_view::npos) return out;
      const auto close = rest.find(rest[open], open + 1);
      if (close == std::string_view::npos) return out;
      if (local_name(own) == wanted) out.push_back(rest.substr(open + 1, close - open - 1));
      rest.remove_prefix(close + 1);
    }
  }

 private:
  /// A comment, CDATA or an instruction.
  static bool is_skipped(std::string_view rest) {
    return rest.starts_with("<!--") || rest.starts_with("<![CDATA[") || rest.starts_with("<?");
  }

  /// The place after it; npos if it has no end. "<!-->" only begins a comment.
  static size_t end_of_skipped(std::string_view text, size_t at) {
    const auto rest = text.substr(at);
    const bool comment = rest.starts_with("<!--"), instruction = rest.starts_with("<?");
    const std::string_view end = comment ? "-->" : instruction ? "?>" : "]]>";
    const auto found = text.find(end, at + (comment ? 4 : instruction ? 2 : 9));
    return found == std::string_view::npos ? found : found + end.size();
  }

  /// <!DOCTYPE ...>, whose declarations stand in square brackets.
  bool pass_declaration() {
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

  std::string_view text_, name_, attributes_;
  std::string declarations_;
  size_t at_ = 0, begin_ = 0, last_end_ = 0;
  bool is_end_ = false, is_empty_ = false;
};

/// The quoted texts of the declarations of this kind, "<!ENTITY" or "<!ATTLIST".
std::vector<std::string_view> quoted_in(std::string_view declarations, std::string_view kind) {
  std::vector<std::string_view> out;
  for (size_t at = 0; (at = declarations.find(kind, at)) != std::string_view::npos;) {
    for (at += kind.size(); at < declarations.size() && declarations[at] != '>'; ++at) {
      if (declarations[at] != '"' && declarations[at] != '\'') continue;
      const auto close = std::min(declarations.find(declarations[at], at + 1), declarations.size());
      out.push_back(declarations.substr(at + 1, close - at - 1));
      at = close;
    }
  }
  return out;
}

int64_t opening_brackets(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return c == '(' || c == '[' || c == '{'; });
}

/// The facts about what the DOCTYPE defines.
struct Definitions {
  int64_t brackets = 0;  ///< that open in the values of the entities
  int64_t bytes = 0;     ///< of the values of the entities
  std::string refusal;
};

Definitions read_definitions(std::string_view declarations) {
  Definitions out;
  for (const auto value : quoted_in(declarations, "<!ENTITY")) {
    // "&#60;" and "&#x3c;" are tags as well; "@" may import a style sheet.
    if (value.find('<') != std::string_view::npos || value.find("&#") != std::string_view::npos ||
        value.find('@') != std::string_view::npos)
      out.refusal = "its DOCTYPE defines entities that hold markup";
    if (value.find('&') != std::string_view::npos && out.refusal.empty())
      out.refusal = "its DOCTYPE defines entities of other entities";
    out.brackets += opening_brackets(value);
    out.bytes += static_cast<int64_t>(value.size());
  }
  // Namespaces are defined so, in old files. Other attributes would not be seen where they take effect.
  for (const auto value : quoted_in(declarations, "<!ATTLIST")) {
    if (!value.starts_with("http://")) out.refusal = "its DOCTYPE gives values to attributes";
  }
  return out;
}

int64_t references(std::string_view text) { return std::count(text.begin(), text.end(), '&'); }

/// An upper bound of the brackets that open in a piece of the file: each reference may stand for one, or for those of
/// an entity.
int64_t most_brackets(std::string_view text, int64_t of_entities) {
  return opening_brackets(text) + references(text) * (1 + of_entities);
}

/// Whether the attributes of a tag, or a style sheet, may set a property that makes librsvg draw to a layer. One that a
/// reference or an escape of CSS may stand for counts too.
bool may_set_layer(std::string_view text) {
  if (text.find_first_of("&\\") != std::string_view::npos) return true;
  for (const std::string_view word : {"opacity", "mask", "clip-path", "filter", "mix-blend-mode", "isolation"}) {
    for (size_t at = 0; (at = text.find(word, at)) != std::string_view::npos; at += word.size()) {
      if (at == 0 || text[at - 1] != '-') return true;  // not "fill-opacity"
    }
  }
  return false;
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  return out;
}

/// Whether the address of an @import rule, in `rest` after the keyword, names another file. librsvg does not read that,
/// but it does read addresses that hold the style sheet themselves ("data:"), which may be written in many ways.
bool imports_a_file(std::string_view rest) {
  const auto pass_space = [&] { rest.remove_prefix(std::min(rest.find_first_not_of(" \t\r\n\f"), rest.size())); };
  pass_space();
  if (lower_case(rest.substr(0, 4)) == "url(") rest.remove_prefix(4);
  pass_space();
  if (rest.starts_with('"') || rest.starts_with('\'')) rest.remove_prefix(1);
  if (rest.starts_with("/*")) return false;
  const auto end = rest.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.+");
  if (end == std::string_view::npos) return false;
  return rest[end] == ':' ? lower_case(rest.substr(0, end)) != "data"
                          : std::string_view("\"')/?#").find(rest[end]) != std::string_view::npos;
}

/// Whether the raw text of a style sheet may import one that is written in its address.
bool may_import(std::string_view sheet) {
  for (size_t at = 0; (at = sheet.find("&#", at)) != std::string_view::npos;) {  // "&#64;" is "@"
    at += 2;
    const bool hex = sheet.substr(at).starts_with('x');
    const auto digits = sheet.substr(std::min(sheet.find_first_not_of("0", at + hex), sheet.size()));
    if (digits.starts_with(hex ? "40;" : "64;")) return true;
  }
  constexpr std::string_view kImport = "import";
  for (size_t at = 0; (at = sheet.find('@', at)) != std::string_view::npos;) {
    const auto word = lower_case(sheet.substr(++at, kImport.size()));
    const auto differs = std::mismatch(kImport.begin(), kImport.end(), word.begin(), word.end());
    if (differs.first == kImport.end()
            ? !imports_a_file(sheet.substr(at + kImport.size()))
            // An escape, a reference, a comment or the end of CDATA inside the word.
            : differs.second != word.end() && std::string_view("\\&<]").find(*differs.second) != std::string_view::npos)
      return true;
  }
  return false;
}

/// Whether an instruction <?xml-stylesheet ...?> may hold the style sheet in its address.
bool has_sheet_in_instruction(std::string_view bytes) {
  constexpr std::string_view kBegin = "<?xml-stylesheet";
  for (size_t at = 0; (at = bytes.find(kBegin, at)) != std::string_view::npos; ++at) {
    const auto end = std::min(bytes.find("?>", at), bytes.size());
    auto text = lower_case(bytes.substr(at, end - at));
    std::erase_if(text, [](unsigned char c) { return c <= ' '; });  // which addresses may hold anywhere
    if (text.find("data:") != std::string::npos || text.find('&') != std::string::npos) return true;
  }
  return false;
}

/// The encoding that the XML declaration names, if it is one in which tags may be written with other bytes than those
/// of ASCII, as in UTF-7, or in which the bytes of ASCII may be parts of other characters: the second byte of a
/// character of Shift_JIS, GBK, GB18030 or Big5 may be that of "]". In EUC encodings all bytes of such characters are
/// above ASCII.
std::string hiding_encoding(std::string_view bytes) {
  if (bytes.starts_with("\xef\xbb\xbf")) bytes.remove_prefix(3);
  if (!bytes.starts_with("<?xml")) return {};
  const auto declaration = bytes.substr(0, bytes.find("?>"));
  constexpr std::string_view kWord = "encoding";
  for (size_t at = 0; (at = declaration.find(kWord, at)) != std::string_view::npos;) {
    at += kWord.size();
    const auto begin = declaration.find_first_not_of(" \t\r\n=\"'", at);
    if (begin == std::string_view::npos) return "unknown";
    const auto name = declaration.substr(begin, declaration.find_first_of("\"'", begin) - begin);
    const auto lower = lower_case(name);
    bool known = false;
    for (const char* superset : {"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-", "iso_8859-", "iso8859-", "latin",
                                 "windows-125", "cp125", "koi8-", "euc-jp", "euc-kr", "gb2312"})
      known |= lower.starts_with(superset);
    if (!known) return std::string(name);
  }
  return {};
}

/// Whether any number of the text exceeds `most`, or may, since a reference stands for it.
bool exceeds(std::string_view words, double most) {
  if (words.find('&') != std::string_view::npos) return true;
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
  if (name == "include") return "its <include> takes in another text, which is not examined";
  if (name == "image" || name == "feImage" || name == "use") {
    for (const auto href : tag.values("href")) {
      if (href.empty() || href.starts_with('#')) continue;
      const auto what = href.starts_with("data:") ? std::string("an embedded image") : "the file " + shown(href);
      return text("its <", name, "> refers to ", what, ", and only drawings that are complete in themselves are read");
    }
    return {};
  }
  const auto any_exceeds = [&](std::string_view attribute, double most) {
    const auto values = tag.values(attribute);
    return std::any_of(values.begin(), values.end(), [&](auto value) { return exceeds(value, most); });
  };
  constexpr double kMostOrder = 9, kMostOctaves = 16;
  if (name == "feConvolveMatrix" && any_exceeds("order", kMostOrder))
    return text("its <feConvolveMatrix> has an order above ", kMostOrder);
  if (name == "feTurbulence" && any_exceeds("numOctaves", kMostOctaves))
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

namespace {

/// The layers of the elements that are open, while a file is read.
class LayerCount {
 public:
  void open(const XmlTags& tag) {
    const bool layered = may_set_layer(lower_case(tag.attributes()));
    all_ += layered;
    uses_ += tag.name() == "use";
    open_.push_back(layered);
    now_ += layered;
    nested_ = std::max(nested_, now_);
    deepest_ = std::max(deepest_, static_cast<int64_t>(open_.size()));
    if (tag.is_empty()) close();
  }
  void close() {
    if (open_.empty()) return;
    now_ -= open_.back();
    open_.pop_back();
  }
  /// @param by_sheet  a style sheet may set a layer for any element.
  int64_t most(bool by_sheet, int64_t elements) const {
    // A chain of <use> draws the elements of each of its links inside those of the links before.
    const int64_t once = by_sheet ? deepest_ : nested_, most = by_sheet ? elements : all_;
    return std::min(most, once * (1 + uses_));
  }

 private:
  std::vector<char> open_;
  int64_t now_ = 0, nested_ = 0, all_ = 0, uses_ = 0, deepest_ = 0;
};

}  // namespace

SvgMarkup read_svg_markup(std::string_view bytes) {
  constexpr int64_t kLongestText = 16 << 10;
  SvgMarkup out;
  XmlTags tags(bytes);
  Definitions defined;
  LayerCount layers;
  int64_t in_sheets = 0, style_depth = 0, text_depth = 0, in_text = 0;
  bool imports = false, layers_by_sheet = false;
  for (int64_t depth = 0; out.refusal.empty() && tags.next();) {
    if (out.elements == 0) defined = read_definitions(tags.declarations());
    if (style_depth > 0) {
      const auto sheet = tags.text_before();
      in_sheets += most_brackets(sheet, defined.brackets);
      imports = imports || may_import(sheet);
      layers_by_sheet = layers_by_sheet || may_set_layer(lower_case(sheet));
    }
    if (text_depth > 0) {
      const auto part = tags.text_before();
      in_text += static_cast<int64_t>(part.size()) + references(part) * defined.bytes;
      out.longest_text = std::max(out.longest_text, in_text);
    }
    const bool style = tags.name() == "style", text = tags.name() == "text";
    if (tags.is_end()) {
      --depth;
      style_depth -= style;
      text_depth -= text;
      layers.close();
      continue;
    }
    ++out.elements;
    out.filters += tags.name().starts_with("fe");
    out.refusal = refusal_of(tags);
    out.most_brackets = std::max(out.most_brackets, most_brackets(tags.attributes(), defined.brackets));
    if (depth == 1 && tags.name() == "g") {
      if (const auto ids = tags.values("id"); !ids.empty()) out.groups.emplace_back(ids.front());
    }
    out.longest_tag = std::max(out.longest_tag, static_cast<int64_t>(tags.attributes().size()));
    layers.open(tags);
    if (tags.is_empty()) continue;
    out.deepest = std::max(out.deepest, ++depth);
    style_depth += style;
    if (text && text_depth++ == 0) in_text = 0;
  }
  out.layers = layers.most(layers_by_sheet, out.elements);
  if (out.longest_text > kLongestText)
    out.refusal = text("it has a text of more than ", kLongestText >> 10, " KiB, which librsvg draws in minutes");
  out.most_brackets = std::max(out.most_brackets, in_sheets);
  if (has_endless_stroke(bytes))
    out.refusal = "it has a stroke of more than a million pixels, or one whose width an entity gives";
  if (!defined.refusal.empty()) out.refusal = defined.refusal;
  if (imports || has_sheet_in_instruction(bytes))
    out.refusal = "it may take in a style sheet that is written in an address, which is not examined";
  if (const auto encoding = hiding_encoding(bytes); !encoding.empty())
    out.refusal = text("its encoding is ", shown(encoding),
                       ", and allowed are UTF-8 and encodings in which no other character has bytes of ASCII, such as "
                       "ISO-8859-1; save it in UTF-8");
  return out;
}

}  // namespace monge::io
