#include "monge/data/column_names.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <unordered_map>

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/core/nearest.h"
#include "monge/io/text_value.h"

namespace monge::data {
namespace {

constexpr const char* kMore = ", ...";

std::vector<int64_t> all_of(const std::vector<std::string>& names) {
  std::vector<int64_t> out(names.size());
  std::iota(out.begin(), out.end(), 0);
  return out;
}

std::string labels(const std::vector<std::string>& names) { return column_labels(names, all_of(names)); }

/// The names that `others` lacks.
std::vector<std::string> without(const std::vector<std::string>& names, const std::vector<std::string>& others) {
  const std::set<std::string> known(others.begin(), others.end());
  std::vector<std::string> out;
  std::copy_if(names.begin(), names.end(), std::back_inserter(out),
               [&](const auto& name) { return !known.contains(name); });
  return out;
}

/// A name that occurs more than once; null if all are different.
const std::string* repeated(const std::vector<std::string>& names) {
  std::set<std::string> seen;
  for (const auto& name : names) {
    if (!seen.insert(name).second) return &name;
  }
  return nullptr;
}

void require_unique(const std::vector<std::string>& names, const std::string& role, const std::string& table) {
  const auto* twice = repeated(names);
  if (!twice) return;
  throw InputError(
      {.what = role + " has other columns than the training, and they cannot be matched by name: a name occurs twice",
       .where = table,
       .value = shown(*twice),
       .fix = "give each column a unique name"});
}

bool are_numbers(const std::vector<std::string>& names) {
  return !names.empty() && std::all_of(names.begin(), names.end(), [](const auto& name) { return io::is_whole(name); });
}

}  // namespace

std::string column_labels(const std::vector<std::string>& names, const std::vector<int64_t>& columns) {
  std::vector<std::string> out;
  for (const int64_t k : columns) {
    if (out.size() == kMostListed) break;
    out.push_back(names.empty() ? std::to_string(k) : shown(names.at(static_cast<size_t>(k))));
  }
  return join(out) + (columns.size() > out.size() ? kMore : "");
}

SelectedColumns::SelectedColumns(std::shared_ptr<const Source> whole, std::vector<int64_t> columns)
    : WrappedSource(std::move(whole)), columns_(torch::tensor(columns, torch::kInt64)) {
  const auto shape = WrappedSource::item_shape();
  require(shape.size() == 1 && !columns.empty(), name(), ": columns are chosen from vectors, got items of shape ",
          torch::IntArrayRef(shape));
  const auto [least, most] = std::minmax_element(columns.begin(), columns.end());
  require(*least >= 0 && *most < shape[0], name(), ": column ", *least < 0 ? *least : *most, " is outside its ",
          shape[0], " columns");
}

torch::Tensor SelectedColumns::stored_items(const std::vector<int64_t>& indices) const {
  return whole().stored_items(indices).index_select(1, columns_);
}

torch::Tensor SelectedColumns::exact_items(const std::vector<int64_t>& indices) const {
  return whole().exact_items(indices).index_select(1, columns_);
}

torch::Tensor SelectedColumns::draw(int64_t n, torch::Generator generator) const {
  return whole().draw(n, std::move(generator)).index_select(1, columns_);
}

torch::Tensor SelectedColumns::exact_draw(int64_t n, torch::Generator generator) const {
  return whole().exact_draw(n, std::move(generator)).index_select(1, columns_);
}

io::TableNames SelectedColumns::table_names() const {
  auto names = whole().table_names();
  if (names.columns.empty()) return names;
  std::vector<std::string> chosen;
  const auto* column = columns_.const_data_ptr<int64_t>();
  for (int64_t i = 0; i < columns_.size(0); ++i) chosen.push_back(names.columns.at(static_cast<size_t>(column[i])));
  names.columns = std::move(chosen);
  return names;
}

std::shared_ptr<const Source> select_columns(std::shared_ptr<const Source> source,
                                             const std::vector<std::string>& wanted, const std::string& role,
                                             const LogSink& log) {
  const auto names = source->table_names().columns;
  if (wanted.empty() || names.empty() || names == wanted) return source;
  if (const auto missing = without(wanted, names); !missing.empty()) {
    throw InputError(
        {.what = text(role, " lacks ", missing.size(), " of the ", wanted.size(),
                      " columns of the training: ", labels(missing)),
         .where = source->name(),
         .value = labels(names),
         .allowed = labels(wanted) + ", in any order",
         .fix = are_numbers(names)
                    ? "if its first row holds data, add ?header=no; a table without a header is matched by position"
                    : "rename them in its header; a table without a header is matched by position"});
  }
  require_unique(wanted, role, source->name());
  std::unordered_map<std::string, int64_t> place;
  std::vector<std::string> needed;  // of the table: where a name is there twice, only that of a needed column matters
  for (size_t k = 0; k < names.size(); ++k) {
    if (place.emplace(names[k], static_cast<int64_t>(k)).second) continue;
    if (std::find(wanted.begin(), wanted.end(), names[k]) != wanted.end())
      require_unique({names[k], names[k]}, role, source->name());
  }
  std::vector<int64_t> columns;
  for (const auto& name : wanted) columns.push_back(place.at(name));
  if (const auto unused = without(names, wanted); !unused.empty()) {
    log(LogLevel::info, text(role, ": ", source->name(), ": ", unused.size(), " of its ", names.size(),
                             " columns are not used: ", labels(unused)));
  }
  if (!std::is_sorted(columns.begin(), columns.end())) {
    log(LogLevel::info,
        text(role, ": ", source->name(),
             ": its columns are in a different order than those of the training and are matched by name: ",
             labels(wanted)));
  }
  return std::make_shared<SelectedColumns>(std::move(source), std::move(columns));
}

std::shared_ptr<const Source> pair_columns(const Source& source, std::shared_ptr<const Source> target,
                                           const LogSink& log) {
  const auto names = source.table_names().columns, others = target->table_names().columns;
  if (names.empty() || others.empty() || names == others) return target;
  const auto only_here = without(names, others), only_there = without(others, names);
  if (names.size() != others.size()) {
    throw InputError({.what = text("the source has ", names.size(), " columns and the target ", others.size(),
                                   "; the cost compares them one by one"),
                      .where = source.name() + " and " + target->name(),
                      .value = text("only in the source: ", only_here.empty() ? "none" : labels(only_here),
                                    "; only in the target: ", only_there.empty() ? "none" : labels(only_there)),
                      .fix = "choose the columns of both (FILE?columns=a,b,c)"});
  }
  if (only_here.empty() && only_there.empty() && !repeated(names) && !repeated(others)) {
    return select_columns(std::move(target), names, "the target", log);
  }
  std::vector<std::string> pairs;
  for (size_t k = 0; k < names.size(); ++k) {
    if (names[k] != others[k]) pairs.push_back(shown(names[k]) + " with " + shown(others[k]));
  }
  const auto total = pairs.size();
  constexpr size_t kShown = 8;
  pairs.resize(std::min(total, kShown));
  log(LogLevel::warning,
      text("source and target name ", total, " of ", names.size(),
           " columns differently; they are compared by position: ", join(pairs), total > kShown ? kMore : "",
           ". If this pairing is wrong, give both tables the same names or the same order"));
  return target;
}

}  // namespace monge::data
