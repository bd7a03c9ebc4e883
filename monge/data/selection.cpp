#include "monge/data/selection.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/names.h"
#include "monge/core/nearest.h"
#include "monge/core/user_words.h"
#include "monge/core/value_names.h"
#include "monge/io/gzip.h"
#include "monge/io/text_encoding.h"
#include "monge/io/text_layout.h"
#include "monge/io/text_rows.h"
#include "monge/io/text_value.h"

namespace monge::data {
namespace {

namespace fs = std::filesystem;

std::optional<double> as_number(std::string_view word) {
  double value = 0;
  if (word.starts_with('+')) word.remove_prefix(1);
  const auto [end, failure] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (word.empty() || failure != std::errc() || end != word.data() + word.size()) return {};
  return value;
}

/// Reads the fields of the current row, which may have another number of fields than the row before.
void read_fields(io::TextRows& rows, std::vector<std::string>& out) {
  size_t count = 0;
  for (io::TextField field; rows.next(field); ++count) {
    if (count == out.size()) out.emplace_back();
    out[count].assign(field.text);
  }
  out.resize(count);
}

/// One column of a table of attributes, indexed by the names of its rows.
class Attribute {
 public:
  Attribute(const fs::path& path, const std::string& name) : where_(path.string()) {
    const auto bytes = lower_extension(path) == ".gz" ? io::read_gzip(path) : real_files().read(path);
    std::string buffer, encoding;
    const auto text = io::utf8_text(bytes, where_, buffer, encoding);
    const bool counted = begins_with_a_count(text);
    io::TextLayout layout;
    layout.separator = ' ';
    // Only the separator of the layout is used.
    if (!counted) layout = io::find_layout(text, {.header = "no"}, where_);  // the first row is always names
    io::TextRows rows(text, layout.separator, where_);
    rows.take_comments_as_rows();  // "#filename" may name a column or an image
    if (layout.separator_line) rows.skip_line();
    if (counted) rows.next_row();
    require(rows.next_row(), where_, ": the table of attributes has no header line");
    std::vector<std::string> names, fields;
    read_fields(rows, names);
    bool more = rows.next_row();
    if (more) read_fields(rows, fields);
    // CelebA's lists and R's write.table do not name the column of the images. Some programs end each row with a
    // separator.
    const bool one_more = fields.size() == names.size() + 1,
               trailing = one_more && layout.separator != ' ' && fields.back().empty();
    if (counted || (one_more && !trailing)) names.insert(names.begin(), "");
    if (!counted && trailing) names.emplace_back();
    // pandas and R put an index before the columns of a table. Its numbers are not names of images.
    const bool unnamed = names[0].empty() || names[0] == "Unnamed: 0";
    const bool indexed =
        unnamed && names.size() > 2 && fields.size() > 1 && io::is_whole(fields[0]) && !as_number(fields[1]);
    const size_t image = indexed ? 1 : 0, column = find(names, image + 1, name);
    column_ = names[image].empty() ? "the first column" : "the column " + shown(names[image]);
    for (; more; more = rows.next_row()) {
      if (!values_.empty()) read_fields(rows, fields);
      if (fields.size() != names.size()) {
        throw InputError(monge::text(where_, ", line ", rows.line(), ": has ", fields.size(), " fields, expected ",
                                     names.size(), " (the image's name and ", names.size() - image - 1, " attributes",
                                     indexed ? ", behind an index)" : ")"));
      }
      if (values_.empty()) first_ = fields[image];
      values_.emplace(fields[image], fields[column]);
    }
  }

  /// The value of an image; nothing if no row names it.
  std::optional<std::string_view> of(const std::string& name) const {
    auto found = values_.find(name);
    if (found == values_.end()) found = values_.find(name.substr(name.rfind('/') + 1));
    return found == values_.end() ? std::nullopt : std::optional<std::string_view>(found->second);
  }

  /// The column in which the images' names were searched: "the column \"image_id\", which begins with \"1.png\"".
  std::string names_found() const {
    return values_.empty() ? "no row" : column_ + ", which begins with " + shown(first_);
  }

 private:
  /// Whether the first row is the number of rows, as in the lists of CelebA.
  bool begins_with_a_count(std::string_view text) const {
    io::TextRows rows(text, ' ', where_);
    require(rows.next_row(), where_, ": the table of attributes is empty");
    std::vector<std::string> fields;
    read_fields(rows, fields);
    return fields.size() == 1 && as_number(fields[0]);
  }

  /// The field of an attribute, searched from `begin` on.
  size_t find(const std::vector<std::string>& names, size_t begin, const std::string& name) const {
    const auto found = std::find(names.begin() + static_cast<std::ptrdiff_t>(begin), names.end(), name);
    if (found != names.end()) return static_cast<size_t>(found - names.begin());
    std::vector<std::string> known(names.begin() + static_cast<std::ptrdiff_t>(begin), names.end());
    std::erase(known, "");
    if (known.empty()) {
      throw InputError({.what = "has no attributes: its header line has only one field",
                        .where = where_,
                        .value = shown(names[0]),
                        .fix = "separate the fields by commas, semicolons, tabs or blanks"});
    }
    throw InputError({.what = "has no such attribute",
                      .where = where_,
                      .value = shown(name),
                      .allowed = join(known),
                      .fix = suggestion(name, known)});
  }

  std::string where_, column_, first_;
  std::unordered_map<std::string, std::string> values_;
};

}  // namespace

std::vector<int64_t> select_by_attribute(const ImageCollection& images, const std::vector<int64_t>& among,
                                         const std::string& rule, const LogSink& log) {
  const auto equals = rule.rfind('='), colon = rule.rfind(':', equals);
  const bool fits = equals != std::string::npos && colon != std::string::npos && colon > 0 && colon + 1 < equals &&
                    equals + 1 < rule.size();
  if (!fits) {
    throw InputError({.what = "not a selection",
                      .where = user_word("PackOptions::select"),
                      .value = shown(rule),
                      .allowed = "FILE:ATTRIBUTE=VALUE",
                      .fix = "write for example list_attr_celeba.txt:Male=-1"});
  }
  const std::string file = rule.substr(0, colon), name = rule.substr(colon + 1, equals - colon - 1),
                    wanted = rule.substr(equals + 1);
  const Attribute attribute(file, name);
  const auto number = as_number(wanted);
  std::vector<int64_t> out;
  int64_t unknown = 0;
  std::string first_unknown;
  for (const int64_t i : among) {
    const auto own = images.name(i);
    const auto value = attribute.of(own);
    if (!value) {
      if (unknown++ == 0) first_unknown = own;
      continue;
    }
    const auto as_value = as_number(*value);
    if (number && as_value ? *number == *as_value : *value == wanted) out.push_back(i);
  }
  require(unknown == 0 || unknown < static_cast<int64_t>(among.size()), file, ": has no row for any of ", among.size(),
          " images: it has their names in ", attribute.names_found(), "; the first image is ", shown(first_unknown));
  if (unknown > 0) {
    log(LogLevel::warning, text(file, ": has no row for ", unknown, " of ", among.size(), " images, the first is ",
                                shown(first_unknown), "; they are left out"));
  }
  require(!out.empty(), user_word("PackOptions::select"), " ", rule, ": none of ", among.size(), " images has ", name,
          " = ", wanted);
  return out;
}

std::vector<SplitPart> parse_split(const std::string& words) {
  const auto refuse = [&](const std::string& what) {
    throw InputError({.what = what,
                      .where = user_word("PackOptions::split"),
                      .value = shown(words),
                      .allowed = "NAME=FRACTION,NAME=FRACTION,... with fractions in (0, 1] that sum to at most 1",
                      .fix = "write for example train=0.9,test=0.1"});
  };
  std::vector<SplitPart> out;
  double sum = 0;
  for (size_t at = 0; at <= words.size();) {
    const auto end = std::min(words.find(',', at), words.size());
    const auto part = words.substr(at, end - at);
    const auto equals = part.find('=');
    const auto fraction = equals == std::string::npos ? std::nullopt : as_number(part.substr(equals + 1));
    if (!fraction || !(*fraction > 0 && *fraction <= 1)) refuse("not a split");
    const auto name = part.substr(0, equals);
    const bool plain = !name.empty() && name[0] != '.' && name[0] != '-' &&
                       name.find_first_of("/\\:\n") == std::string::npos && !name.ends_with(".part");
    if (!plain) refuse("the name of a part must be usable as the name of a folder");
    for (const auto& other : out) {
      if (other.name == name) refuse("two parts have the same name");
    }
    out.push_back({name, *fraction});
    sum += *fraction;
    at = end + 1;
  }
  if (sum > 1 + 1e-9) refuse("the fractions sum to more than 1");
  return out;
}

std::vector<std::vector<int64_t>> assign_to_splits(const ImageCollection& images, const std::vector<int64_t>& among,
                                                   const std::vector<SplitPart>& parts, const std::string& by) {
  enum class By { name, order };
  static const ValueNames<By> kinds{{"name", By::name}, {"order", By::order}};
  const auto kind = kinds.at(by, user_word("PackOptions::split_by"));
  std::vector<double> ends;
  for (const auto& part : parts) ends.push_back((ends.empty() ? 0 : ends.back()) + part.fraction);
  if (ends.back() > 1 - 1e-9) ends.back() = 2;  // no image may be lost by rounding
  std::vector<std::vector<int64_t>> out(parts.size());
  const auto count = static_cast<double>(among.size());
  for (size_t k = 0; k < among.size(); ++k) {
    const double at = kind == By::name ? static_cast<double>(content_hash64(images.name(among[k]))) * 0x1p-64
                                       : (static_cast<double>(k) + 0.5) / count;
    const auto part = static_cast<size_t>(std::upper_bound(ends.begin(), ends.end(), at) - ends.begin());
    if (part < out.size()) out[part].push_back(among[k]);
  }
  return out;
}

}  // namespace monge::data
