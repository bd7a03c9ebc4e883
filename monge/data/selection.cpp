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

/// Fields of a line: between runs of spaces, or between single separators with the spaces and quotes around them taken off.
std::vector<std::string_view> fields_of(std::string_view line, char separator) {
  std::vector<std::string_view> out;
  const auto trimmed = [](std::string_view field) {
    while (!field.empty() && (field.front() == ' ' || field.front() == '"')) field.remove_prefix(1);
    while (!field.empty() && (field.back() == ' ' || field.back() == '"' || field.back() == '\r')) field.remove_suffix(1);
    return field;
  };
  for (size_t at = 0; at <= line.size();) {
    const auto end = std::min(line.find(separator, at), line.size());
    const auto field = trimmed(line.substr(at, end - at));
    if (separator != ' ' || !field.empty()) out.push_back(field);
    at = end + 1;
  }
  return out;
}

/// One column of a table of attributes, by the names of its rows.
class Attribute {
 public:
  Attribute(const fs::path& path, const std::string& name) : text_(real_files().read(path)) {
    std::string_view left = text_;
    int64_t number = 0;
    const auto next = [&]() -> std::optional<std::string_view> {
      while (!left.empty()) {
        const auto end = std::min(left.find('\n'), left.size());
        auto line = left.substr(0, end);
        left.remove_prefix(std::min(end + 1, left.size()));
        ++number;
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (line.find_first_not_of(" \t") != std::string_view::npos) return line;
      }
      return {};
    };
    auto line = next();
    require(line.has_value(), path.string(), ": the table of attributes is empty");
    const bool counted = fields_of(*line, ' ').size() == 1 && as_number(fields_of(*line, ' ')[0]);
    if (counted) line = next();
    require(line.has_value(), path.string(), ": the table of attributes has no line with their names");
    const char separator = counted ? ' ' : line->find(',') != std::string_view::npos ? ',' : line->find('\t') != std::string_view::npos ? '\t' : ' ';
    auto names = fields_of(*line, separator);
    if (!counted && !names.empty()) names.erase(names.begin());  // of the column with the pictures' names
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) {
      const std::vector<std::string> known(names.begin(), names.end());
      throw Error(Complaint{.what = "has no such attribute", .where = path.string(), .value = shown(name),
                            .allowed = join(known), .fix = suggestion(name, known)});
    }
    const auto column = static_cast<size_t>(found - names.begin()) + 1;
    while ((line = next())) {
      const auto fields = fields_of(*line, separator);
      if (fields.size() != names.size() + 1) {
        throw Error(text(path.string(), ", line ", number, ": has ", fields.size(), " fields, expected ", names.size() + 1,
                         " (the picture's name and ", names.size(), " attributes)"));
      }
      values_.emplace(fields[0], fields[column]);
    }
  }

  /// Nothing when no row is of this picture.
  std::optional<std::string_view> of(const std::string& name) const {
    auto found = values_.find(name);
    if (found == values_.end()) found = values_.find(std::string_view(name).substr(name.rfind('/') + 1));
    return found == values_.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  std::string text_;
  std::unordered_map<std::string_view, std::string_view> values_;  ///< into text_
};

}  // namespace

std::vector<int64_t> select_by_attribute(const Pictures& pictures, const std::vector<int64_t>& among, const std::string& rule,
                                         const LogSink& log) {
  const auto equals = rule.rfind('='), colon = rule.rfind(':', equals);
  const bool fits = equals != std::string::npos && colon != std::string::npos && colon > 0 && colon + 1 < equals && equals + 1 < rule.size();
  if (!fits) {
    throw Error(Complaint{.what = "not a selection", .where = "--select", .value = shown(rule), .allowed = "FILE:ATTRIBUTE=VALUE",
                          .fix = "write for example list_attr_celeba.txt:Male=-1"});
  }
  const std::string file = rule.substr(0, colon), name = rule.substr(colon + 1, equals - colon - 1), wanted = rule.substr(equals + 1);
  const Attribute attribute(file, name);
  const auto number = as_number(wanted);
  std::vector<int64_t> out;
  int64_t unknown = 0;
  std::string first_unknown;
  for (const int64_t i : among) {
    const auto own = pictures.name(i);
    const auto value = attribute.of(own);
    if (!value) {
      if (unknown++ == 0) first_unknown = own;
      continue;
    }
    const auto as_value = as_number(*value);
    if (number && as_value ? *number == *as_value : *value == wanted) out.push_back(i);
  }
  if (unknown > 0) {
    log(LogLevel::warning, text(file, ": knows nothing of ", unknown, " of ", among.size(), " pictures, the first is ", shown(first_unknown),
                                "; they are left out"));
  }
  require(!out.empty(), "--select ", rule, ": none of ", among.size(), " pictures has ", name, " = ", wanted);
  return out;
}

std::vector<SplitPart> parse_split(const std::string& words) {
  const auto refuse = [&](const std::string& what) {
    throw Error(Complaint{.what = what, .where = "--split", .value = shown(words), .allowed = "NAME=SHARE,NAME=SHARE,... with shares in (0, 1], 1 in all",
                          .fix = "write for example train=0.9,test=0.1"});
  };
  std::vector<SplitPart> out;
  double sum = 0;
  for (size_t at = 0; at <= words.size();) {
    const auto end = std::min(words.find(',', at), words.size());
    const auto part = words.substr(at, end - at);
    const auto equals = part.find('=');
    const auto share = equals == std::string::npos ? std::nullopt : as_number(part.substr(equals + 1));
    if (!share || !(*share > 0 && *share <= 1)) refuse("not a split");
    const auto name = part.substr(0, equals);
    const bool plain = !name.empty() && name[0] != '.' && name[0] != '-' && name.find_first_of("/\\:\n") == std::string::npos && !name.ends_with(".part");
    if (!plain) refuse("the name of a part must do as the name of a folder");
    for (const auto& other : out) {
      if (other.name == name) refuse("two parts have one name");
    }
    out.push_back({name, *share});
    sum += *share;
    at = end + 1;
  }
  if (sum > 1 + 1e-9) refuse("the shares are more than 1 in all");
  return out;
}

std::vector<std::vector<int64_t>> deal(const Pictures& pictures, const std::vector<int64_t>& among, const std::vector<SplitPart>& parts,
                                       const std::string& by) {
  require(by == "name" || by == "order", "--split-by: got \"", by, "\" (allowed: name, order)");
  std::vector<double> ends;
  for (const auto& part : parts) ends.push_back((ends.empty() ? 0 : ends.back()) + part.share);
  if (ends.back() > 1 - 1e-9) ends.back() = 2;  // rounding must lose nobody
  std::vector<std::vector<int64_t>> out(parts.size());
  const auto count = static_cast<double>(among.size());
  for (size_t k = 0; k < among.size(); ++k) {
    const double at = by == "name" ? static_cast<double>(content_number(pictures.name(among[k]))) * 0x1p-64
                                   : (static_cast<double>(k) + 0.5) / count;
    const auto part = static_cast<size_t>(std::upper_bound(ends.begin(), ends.end(), at) - ends.begin());
    if (part < out.size()) out[part].push_back(among[k]);
  }
  return out;
}

}  // namespace monge::data
