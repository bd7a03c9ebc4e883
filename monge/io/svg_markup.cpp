#include "monge/io/svg_markup.h"

#include <algorithm>
#include <cstdlib>

#include "monge/core/ascii.h"
#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/io/svg_layers.h"
#include "monge/io/xml_tags.h"

namespace monge::io {
namespace {

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

/// The bytes of a piece of the file, with those that references may stand for.
int64_t bytes_of(std::string_view text, const Definitions& defined) {
  return static_cast<int64_t>(text.size()) + references(text) * defined.bytes;
}

/// An upper bound of the brackets that open in a piece of the file: each reference may stand for one, or for those of
/// an entity.
int64_t most_brackets(std::string_view text, int64_t of_entities) {
  return opening_brackets(text) + references(text) * (1 + of_entities);
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

namespace {

/// What the clip paths of a file are made of, while it is read. librsvg joins all that one of them holds to one path.
class ClipCount {
 public:
  void open(const XmlTags& tag, int64_t bytes) {
    if (depth_ > 0) {
      bytes_ += bytes;
      // A text has as many points as its letters, and <use> may repeat anything.
      is_bounded_ = is_bounded_ && tag.name() != "text" && tag.name() != "use";
    }
    depth_ += tag.name() == "clipPath" && !tag.is_empty();
  }
  void close(const XmlTags& tag) { depth_ -= tag.name() == "clipPath"; }

  /// See SvgMarkup. cairo cuts a path with all clip paths of the elements around it.
  int64_t path_bytes(int64_t longest_tag, int64_t deepest) const {
    constexpr int64_t kMany = int64_t{1} << 30;
    if (!is_bounded_) return kMany;
    return longest_tag + std::min(bytes_, kMany) * std::min(deepest, kMany);
  }

 private:
  int64_t depth_ = 0, bytes_ = 0;
  bool is_bounded_ = true;
};

}  // namespace

bool is_svg(std::string_view bytes) {
  if (bytes.starts_with("\xef\xbb\xbf")) bytes.remove_prefix(3);
  const auto begin = bytes.find_first_not_of(kXmlSpace);
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
  constexpr int64_t kLongestText = 16 << 10;
  SvgMarkup out;
  XmlTags tags(bytes);
  Definitions defined;
  LayerCount layers;
  ClipCount clips;
  int64_t in_sheets = 0, style_depth = 0, text_depth = 0, in_text = 0;
  bool imports = false, layers_by_sheet = false;
  for (int64_t depth = 0; out.refusal.empty() && tags.next();) {
    if (out.elements == 0) defined = read_definitions(tags.declarations());
    if (style_depth > 0) {
      const auto sheet = tags.text_before();
      in_sheets += most_brackets(sheet, defined.brackets);
      imports = imports || may_import(sheet);
      layers_by_sheet = layers_by_sheet || may_set_layer(sheet);
    }
    if (text_depth > 0) {
      in_text += bytes_of(tags.text_before(), defined);
      out.longest_text = std::max(out.longest_text, in_text);
    }
    const bool style = tags.name() == "style", text = tags.name() == "text";
    if (tags.is_end()) {
      --depth;
      style_depth -= style;
      text_depth -= text;
      layers.close();
      clips.close(tags);
      continue;
    }
    ++out.elements;
    out.filters += tags.name().starts_with("fe");
    out.refusal = refusal_of(tags);
    out.most_brackets = std::max(out.most_brackets, most_brackets(tags.attributes(), defined.brackets));
    if (depth == 1 && tags.name() == "g") {
      if (const auto ids = tags.values("id"); !ids.empty()) out.groups.emplace_back(ids.front());
    }
    const int64_t tag_bytes = bytes_of(tags.attributes(), defined);
    out.longest_tag = std::max(out.longest_tag, tag_bytes);
    clips.open(tags, tag_bytes);
    layers.open(tags);
    if (tags.is_empty()) continue;
    ++depth;
    style_depth += style;
    if (text && text_depth++ == 0) in_text = 0;
  }
  out.layers = layers.most(layers_by_sheet);
  out.links = layers.links();
  out.deepest = layers.deepest();
  out.path_bytes = clips.path_bytes(out.longest_tag, layers.deepest());
  out.expanded = references(bytes) * defined.bytes;

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
