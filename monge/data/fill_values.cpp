#include "monge/data/fill_values.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>
#include <tuple>

#include "monge/core/error.h"
#include "monge/data/column_names.h"

namespace monge::data {
namespace {

/// The default has enough digits to recognise whole numbers of 32 bits.
std::string number(double value, int digits = 10) {
  std::ostringstream out;
  out.precision(digits);
  out << value;
  return out.str();
}

}  // namespace

void ExtremeValues::insert(double value, Ends& ends, size_t& size, bool upper) {
  const auto outside = [upper](double a, double b) { return upper ? a > b : a < b; };
  if (size == ends.size() && outside(ends.back().value, value)) return;  // the usual case: between both ends
  size_t at = 0;
  while (at < size && outside(ends[at].value, value)) ++at;
  if (at < size && ends[at].value == value) {
    ++ends[at].rows;
    return;
  }
  // A value that is pushed out never returns, since kMost + 1 values lie outside of it. So the counts are exact.
  size = std::min(size + 1, ends.size());
  for (size_t i = size - 1; i > at; --i) ends[i] = ends[i - 1];
  ends[at] = {.value = value, .rows = 1};
}

void ExtremeValues::add(double value) {
  if (!std::isfinite(value)) return;
  ++rows_;
  insert(value, low_, lows_, false);
  insert(value, high_, highs_, true);
}

std::optional<FillValues> ExtremeValues::fill_values() const {
  std::optional<FillValues> best;
  for (size_t below = 0; below <= kMost && below < lows_; ++below) {
    for (size_t above = 0; above + below <= kMost && above < highs_; ++above) {
      const double least = low_[below].value, most = high_[above].value, range = most - least;
      const size_t count = below + above;
      if (count == 0 || !(range > kNoise * std::max(std::abs(least), std::abs(most)))) continue;
      double distance = std::numeric_limits<double>::infinity();
      if (below > 0) distance = std::min(distance, least - low_[below - 1].value);
      if (above > 0) distance = std::min(distance, high_[above - 1].value - most);
      const double times = distance / range;
      if (!(times >= kFar) ||
          (best && (best->values.size() > count || (best->values.size() == count && best->times >= times))))
        continue;
      FillValues found{.values = {}, .least = least, .most = most, .others = rows_, .times = times};
      found.values.insert(found.values.end(), low_.begin(), low_.begin() + static_cast<std::ptrdiff_t>(below));
      for (size_t i = above; i-- > 0;) found.values.push_back(high_[i]);
      for (const auto& value : found.values) found.others -= value.rows;
      // A value that most rows have, such as zero, counts as one row, because beside it a few small values are no
      // scale.
      if (found.others - std::max(low_[below].rows, high_[above].rows) + 1 >= kLeastOthers) best = std::move(found);
    }
  }
  return best;
}

FillColumns fill_columns(const std::vector<ExtremeValues>& extremes) {
  FillColumns out;
  out.reserve(extremes.size());
  for (const auto& column : extremes) out.push_back(column.fill_values());
  return out;
}

FillColumns find_fill_values(const Source& source, int64_t n, torch::Generator generator) {
  constexpr int64_t kMostEntries = 1 << 22, kLeastRows = 64;
  const auto shape = source.item_shape();
  if (shape.size() != 1 || source.endless()) return {};
  n = std::min(n, std::max(kLeastRows, kMostEntries / shape[0]));
  const auto rows = source.exact_items(some_indices(source.size(), n, std::move(generator))).contiguous();
  std::vector<ExtremeValues> extremes(static_cast<size_t>(shape[0]));
  const auto* value = rows.const_data_ptr<double>();
  for (int64_t i = 0; i < rows.size(0); ++i) {
    for (auto& column : extremes) column.add(*value++);
  }
  return fill_columns(extremes);
}

std::string in_words(const FillValues& found) {
  std::string list;
  for (const auto& [value, rows] : found.values) {
    list += text(list.empty() ? "" : ", ", number(value), " (", rows, rows == 1 ? " row)" : " rows)");
  }
  const bool one = found.values.size() == 1;
  const auto times = found.times < 1e6 ? number(std::round(found.times)) : number(found.times, 2);
  return text(one ? "one value, " : text(found.values.size(), " values, "), list, one ? ", is " : ", are at least ",
              times, " times farther from the others than ", one ? "they" : "those", " are from one another");
}

void warn_of_fill_values(const Source& source, const FillColumns& of_source, const Source& target,
                         const FillColumns& of_target, const LogSink& log) {
  constexpr size_t kListed = 3;
  std::string all;
  for (const auto& [side, from, found] : {std::tuple{"source", &source, &of_source}, {"target", &target, &of_target}}) {
    const auto names = from->table_names().columns;
    size_t count = 0;
    for (size_t k = 0; k < found->size(); ++k) {
      const auto& column = (*found)[k];
      if (!column || ++count > kListed) continue;
      all += text(all.empty() ? "" : "; ", "the ", side, "'s column ", column_labels(names, {static_cast<int64_t>(k)}),
                  ": ", in_words(*column));
    }
    if (count > kListed) all += text("; and ", count - kListed, " more columns of the ", side);
  }
  if (all.empty()) return;
  log(LogLevel::warning,
      text("values far from all others: ", all,
           ". Such a value hides the differences between the others from the networks, even more if it enlarges the "
           "scale of data.standardise. If it marks a missing value, leave its field empty and read the table with "
           "?missing=drop, which drops its rows. If it was measured, drop its rows or transform the column"));
}

}  // namespace monge::data
