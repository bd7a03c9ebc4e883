#include "monge/io/text_header.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>
#include <unordered_set>

#include "monge/io/text_number_like.h"
#include "monge/io/text_value.h"

namespace monge::io {
namespace {

using Kind = TextValue::Kind;

constexpr double kFirstYear = 1900, kLastYear = 2100;
bool is_year(double value) { return value >= kFirstYear && value <= kLastYear; }

/// Whether the numbers have equal steps within the precision of their digits. False if all are equal.
bool has_equal_steps(const std::vector<double>& numbers) {
  if (numbers.size() < 2) return false;
  const double step = (numbers.back() - numbers.front()) / static_cast<double>(numbers.size() - 1);
  if (step == 0 || !std::isfinite(step)) return false;
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (std::abs(numbers[i] - (numbers.front() + step * static_cast<double>(i))) > 1e-6 * std::abs(step)) return false;
  }
  return true;
}

/// The numbers of a row; nothing if one of its fields from `begin` on is no number.
std::optional<std::vector<double>> numbers_of(const TextRow& row, size_t begin, bool decimal_comma) {
  std::vector<double> out;
  for (size_t f = begin; f < row.size(); ++f) {
    const auto value = text_value(row[f].text, decimal_comma);
    if (value.kind != Kind::number) return {};
    out.push_back(value.number);
  }
  return out;
}

/// Decides by the rules of find_layout.
class HeaderTest {
 public:
  HeaderTest(const std::vector<TextRow>& rows, const std::vector<ColumnBelow>& below, size_t shift, bool decimal_comma)
      : rows_(rows), first_(rows[0]), below_(below), shift_(shift), comma_(decimal_comma) {
    for (const auto& field : first_) kinds_.push_back(text_value(field.text, comma_).kind);
    // An unnamed field, or a text above a column of texts, is the heading of the index.
    const bool unnamed = kinds_[0] == Kind::missing && first_[0].text.empty() && column(0).missing == 0;
    unnamed_ = rows_.size() > 1 && unnamed;
    begin_ = unnamed_ || (kinds_[0] == Kind::text && column(0).numbers == 0) ? 1 : 0;
    names_ = numbers_of(first_, begin_, comma_);
    std::unordered_set<std::string_view> seen;
    for (size_t f = begin_; f < first_.size(); ++f)
      distinct_whole_ &= is_whole(first_[f].text) && seen.insert(first_[f].text).second;
  }

  HeaderVerdict verdict() const {
    HeaderVerdict out{.header = true, .numeric = numeric(), .doubtful = false, .could_be = false};
    if (has_names()) return out;
    out.header = false;
    if (rows_.size() < 2) return out;
    out.header = (shift_ > 0 && (!numeric() || (distinct_whole_ && rows_below_are_named()))) || is_quoted();
    if (out.header || !numeric()) return out;
    const bool likely =
        all_fractions() || (unnamed_ && rows_below_are_named()) || (counts() && (begin_ > 0 || some_fractions()));
    out.header = (distinct_whole_ && likely) || stands_out();
    out.doubtful = out.header && !unnamed_ && !is_common();
    out.could_be = !out.header && could_be();
    return out;
  }

 private:
  bool numeric() const { return names_ && !names_->empty(); }

  /// Whether names of this kind are common, though nothing distinguishes them from data here.
  bool could_be() const {
    return distinct_whole_ && (counts() || fractions_throughout() || (names_->size() > 2 && has_equal_steps(*names_)));
  }

  /// Whether these names are unlikely to be data: four or more column numbers, years, five or more equal steps.
  bool is_common() const {
    constexpr size_t kCounted = 4, kStepped = 5;
    if (std::all_of(names_->begin(), names_->end(), [](double name) { return is_year(name); })) return true;
    return (counts() && names_->size() >= kCounted) || (has_equal_steps(*names_) && names_->size() >= kStepped);
  }

  const ColumnBelow& column(size_t f) const {
    static const ColumnBelow kNone;
    return f + shift_ < below_.size() ? below_[f + shift_] : kNone;
  }

  /// Rule 1.
  bool has_names() const {
    bool text = false, above_numbers = false, numbers = false, whole = true;
    std::unordered_set<std::string_view> seen;
    for (size_t f = 0; f < first_.size(); ++f) {
      if (kinds_[f] == Kind::text && is_spoilt_number(first_[f].text)) return false;
      text |= kinds_[f] == Kind::text;
      above_numbers |= kinds_[f] == Kind::text && column(f).numbers > 0;
      if (kinds_[f] != Kind::number) continue;
      numbers = true;
      whole &= is_whole(first_[f].text) && seen.insert(first_[f].text).second;
    }
    return text && (!numbers || (above_numbers && whole));
  }

  /// Rule 2: where the names are numbers, the rows below begin with texts or count themselves.
  bool rows_below_are_named() const {
    if (below_[0].texts > 0 && below_[0].numbers == 0) return true;
    const double begin = text_value(rows_[1][0].text, comma_).number;
    if (rows_.size() < 3 || (begin != 0 && begin != 1)) return false;
    for (size_t r = 1; r < rows_.size(); ++r) {
      if (rows_[r].empty() || text_value(rows_[r][0].text, comma_).number != begin + static_cast<double>(r - 1))
        return false;
    }
    return true;
  }

  /// Rule 3.
  bool is_quoted() const {
    const bool all = std::all_of(first_.begin(), first_.end(), [](const auto& field) { return field.quoted; });
    return all && std::any_of(below_.begin(), below_.end(),
                              [](const auto& c) { return c.numbers > 0 && c.texts == 0 && !c.quotes; });
  }

  bool is_fractions(size_t f) const { return column(f).numbers > 0 && column(f).texts == 0 && column(f).fractions; }

  /// Rule 4.
  bool all_fractions() const {
    const bool year = is_year(names_->front()) && !column(begin_).years;
    if (names_->size() == 1 && !unnamed_ && !year) return false;
    return fractions_throughout();
  }
  bool fractions_throughout() const {
    for (size_t f = begin_; f < first_.size(); ++f) {
      if (!is_fractions(f)) return false;
    }
    return true;
  }

  /// Rule 5.
  bool counts() const {
    const bool one = names_->front() == 1;
    if (names_->front() != 0 && !one) return false;
    if (names_->size() < (one ? 3 : 2)) return false;
    for (size_t i = 0; i < names_->size(); ++i) {
      if ((*names_)[i] != static_cast<double>(i) + one) return false;
    }
    return true;
  }
  bool some_fractions() const {
    for (size_t f = begin_; f < first_.size(); ++f) {
      if (is_fractions(f)) return true;
    }
    return false;
  }

  /// Rule 6.
  bool stands_out() const {
    if (!has_equal_steps(*names_)) return false;
    if (names_->size() >= 5) {
      const auto second = numbers_of(rows_[1], begin_, comma_);
      if (second && !has_equal_steps(*second)) return true;
    }
    if (names_->size() < 2 || !distinct_whole_) return false;
    for (size_t f = begin_; f < first_.size(); ++f) {
      if (!is_year((*names_)[f - begin_]) || column(f).years || column(f).numbers == 0) return false;
    }
    return true;
  }

  const std::vector<TextRow>& rows_;
  const TextRow& first_;
  const std::vector<ColumnBelow>& below_;
  size_t shift_, begin_ = 0;
  bool comma_, unnamed_ = false, distinct_whole_ = true;
  std::vector<Kind> kinds_;
  /// The numbers of the first row beside its index; nothing if it has text.
  std::optional<std::vector<double>> names_;
};

}  // namespace

std::vector<ColumnBelow> columns_below(const std::vector<TextRow>& rows, size_t width, bool decimal_comma) {
  std::vector<ColumnBelow> out(width);
  for (size_t r = 1; r < rows.size(); ++r) {
    if (rows[r].size() != width) continue;  // a fault, which is reported when all rows are read
    for (size_t f = 0; f < width; ++f) {
      const auto& field = rows[r][f];
      const auto value = text_value(field.text, decimal_comma);
      auto& column = out[f];
      ++(value.kind == Kind::number ? column.numbers : value.kind == Kind::text ? column.texts : column.missing);
      if (value.kind == Kind::text) {
        column.spoilt |= is_spoilt_number(field.text);
        column.number_like += is_number_like(field.text);
      }
      if (value.kind != Kind::number) continue;
      column.fractions &= field.text.find_first_of(decimal_comma ? ",eE" : ".eE") != std::string_view::npos;
      column.quotes |= field.quoted;
      column.years |= is_year(value.number);
    }
  }
  return out;
}

HeaderVerdict detect_header(const std::vector<TextRow>& rows, const std::vector<ColumnBelow>& below, size_t shift,
                            bool decimal_comma) {
  return HeaderTest(rows, below, shift, decimal_comma).verdict();
}

}  // namespace monge::io
