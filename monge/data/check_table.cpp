#include "monge/data/check_table.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>
#include <unordered_map>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/mapped_file.h"
#include "monge/core/names.h"
#include "monge/core/nearest.h"
#include "monge/data/arrays.h"
#include "monge/data/float32_loss.h"
#include "monge/data/parquet_table.h"

namespace monge::data {
namespace {

/// Values that are converted to float64 at once; at least one row.
constexpr int64_t kEntries = int64_t{1} << 22;
/// Rows, evenly spaced, in which columns beyond float32 are searched; fewer if rows are long.
constexpr int64_t kSample = 16384;

/// At most `rows`, limited so that rows of so many columns stay within kEntries.
int64_t within_entries(int64_t rows, int64_t columns) { return std::clamp<int64_t>(kEntries / columns, 1, rows); }

io::Table read_rows(const std::string& line) {
  auto out = read_table(line, io::TextTableOptions::Missing::keep);
  require(out.values.dim() >= 2 && out.values.numel() > 0, line, ": a table [N, D] is needed, got the shape ",
          out.values.sizes());
  out.values = out.values.flatten(1);
  if (auto lost = lost_in_float64(out.values); !lost.empty()) out.warnings.push_back(std::move(lost));
  require_whole_mapping(out.values.const_data_ptr());
  return out;
}

/// Calls action(number, row) for every row in float64, block by block. @return false when it was stopped.
template <class Action>
bool for_each_row(const torch::Tensor& rows_ND, const std::function<void(int64_t)>& add_progress,
                  const std::atomic<bool>& stop, const Action& action) {
  const int64_t length = within_entries(4096, rows_ND.size(1));
  for (int64_t begin = 0; begin < rows_ND.size(0); begin += length) {
    if (stop) return false;
    const auto block =
        rows_ND.narrow(0, begin, std::min(length, rows_ND.size(0) - begin)).to(torch::kFloat64).contiguous();
    const auto* row = block.const_data_ptr<double>();
    for (int64_t i = 0; i < block.size(0); ++i, row += block.size(1)) action(begin + i, row);
    require_whole_mapping(rows_ND.const_data_ptr());
    add_progress(block.size(0));
  }
  return true;
}

/// Hashes the values at `order`. 0 and -0 have the same hash, and so have all NaN.
class RowHash {
 public:
  explicit RowHash(std::vector<int64_t> order) : order_(std::move(order)), values_(order_.size()) {}

  uint64_t operator()(const double* row) {
    for (size_t i = 0; i < order_.size(); ++i) {
      const double value = row[order_[i]];
      values_[i] = std::isnan(value) ? std::numeric_limits<double>::quiet_NaN() : value + 0.0;
    }
    return content_hash64({reinterpret_cast<const char*>(values_.data()), values_.size() * sizeof(double)});
  }

 private:
  std::vector<int64_t> order_;
  std::vector<double> values_;
};

/// Mean and variance, updated value by value (Welford).
struct ColumnMoments {
  int64_t count = 0;
  double mean = 0;
  long double squares = 0;  // its exponents also hold the square of 1e-300
  void add(double value) {
    const double before = value - mean;
    mean += before / static_cast<double>(++count);
    squares += static_cast<long double>(before) * static_cast<long double>(value - mean);
  }
};

/// Gathers the reports on the columns, row by row.
class ColumnReporter {
 public:
  /// @param columns  must outlive this.
  explicit ColumnReporter(std::vector<ColumnReport>& columns)
      : columns_(columns), moments_(columns.size()), extremes_(columns.size()) {}

  /// @return whether all values of the row are finite.
  bool add(const double* row) {
    bool complete = true;
    for (size_t d = 0; d < columns_.size(); ++d) {
      auto& column = columns_[d];
      const bool missing = std::isnan(row[d]), infinite = !missing && !std::isfinite(static_cast<float>(row[d]));
      column.missing += missing;
      column.infinite += infinite;
      complete &= !missing && !infinite;
      if (missing || infinite) continue;
      moments_[d].add(row[d]);
      extremes_[d].add(row[d]);
      column.least = std::min(column.least, row[d]);
      column.most = std::max(column.most, row[d]);
    }
    return complete;
  }

  /// After the last row.
  void finish() {
    for (size_t d = 0; d < columns_.size(); ++d) {
      auto& column = columns_[d];
      const auto& moments = moments_[d];
      column.mean = moments.mean;
      column.deviation = moments.count > 0
                             ? static_cast<double>(std::sqrt(moments.squares / static_cast<long double>(moments.count)))
                             : 0;
      column.constant = moments.count > 0 && column.least == column.most;
      column.fill = extremes_[d].fill_values();
    }
  }

 private:
  std::vector<ColumnReport>& columns_;
  std::vector<ColumnMoments> moments_;
  std::vector<ExtremeValues> extremes_;
};

/// The positions in `other` of the columns of `own`.
std::vector<int64_t> matched(const io::Table& own, const io::Table& other, const std::string& name,
                             const std::string& against) {
  const int64_t columns = own.values.size(1);
  require(other.values.size(1) == columns, against, ": has ", other.values.size(1), " columns, and ", name, " has ",
          columns, "; choose the same columns with ?columns=");
  std::vector<int64_t> out(static_cast<size_t>(columns));
  std::iota(out.begin(), out.end(), int64_t{0});
  const auto &mine = own.names.columns, &theirs = other.names.columns;
  if (mine.empty() || theirs.empty() || mine == theirs) return out;
  for (size_t i = 0; i < mine.size(); ++i) {
    const bool repeated =
        std::count(mine.begin(), mine.end(), mine[i]) > 1 || std::count(theirs.begin(), theirs.end(), mine[i]) > 1;
    if (repeated) {
      throw InputError(
          {.what = "several columns have the same name, and the order of the columns differs between the tables",
           .where = name + ", " + against,
           .value = shown(mine[i]),
           .fix = "choose columns by number: ?columns=0-3"});
    }
    const auto found = std::find(theirs.begin(), theirs.end(), mine[i]);
    if (found == theirs.end()) {
      throw InputError({.what = text("has no column ", shown(mine[i]), ", which ", name, " has"),
                        .where = against,
                        .fix = suggestion(mine[i], theirs)});
    }
    out[i] = found - theirs.begin();
  }
  return out;
}

}  // namespace

int64_t TableReport::missing() const {
  int64_t out = 0;
  for (const auto& column : columns) out += column.missing;
  return out;
}

namespace {

template <class Holds>
std::vector<int64_t> columns_where(const std::vector<ColumnReport>& columns, const Holds& holds) {
  std::vector<int64_t> out;
  for (size_t d = 0; d < columns.size(); ++d) {
    if (holds(columns[d])) out.push_back(static_cast<int64_t>(d));
  }
  return out;
}

}  // namespace

std::vector<int64_t> TableReport::constant() const {
  return columns_where(columns, [](const ColumnReport& c) { return c.constant; });
}

std::vector<int64_t> TableReport::beyond_float32() const {
  return columns_where(columns, [](const ColumnReport& c) { return c.beyond_float32; });
}

std::vector<int64_t> TableReport::with_fill_values() const {
  return columns_where(columns, [](const ColumnReport& c) { return c.fill.has_value(); });
}

bool names_table(const std::string& line) {
  std::error_code ignored;
  if (const auto parquet = parquet_path(line)) return holds_parquet_table(*parquet);
  const auto file = array_path(line).file;
  return has_array_extension(file) && !std::filesystem::is_directory(file, ignored);
}

TableReport check_table(const std::string& line, const std::string& against,
                        const std::function<void(int64_t, int64_t)>& progress, const std::atomic<bool>& stop) {
  const auto table = read_rows(line);
  const auto other = against.empty() ? io::Table() : read_rows(against);
  TableReport out;
  out.name = line;
  out.reading = table.reading;
  out.warnings = table.warnings;
  for (const auto& warning : other.warnings) out.warnings.push_back(against + ": " + warning);
  out.rows = table.values.size(0);
  out.against = other.values.defined() ? other.values.size(0) : 0;
  int64_t done = 0;
  const auto add_progress = [&](int64_t rows) {
    done += rows;
    if (progress) progress(done, out.rows + out.against);
  };

  const int64_t width = table.values.size(1);
  std::vector<int64_t> in_order(static_cast<size_t>(width));
  std::iota(in_order.begin(), in_order.end(), int64_t{0});
  out.columns.resize(static_cast<size_t>(width));
  for (size_t d = 0; d < table.names.columns.size(); ++d) out.columns[d].name = table.names.columns[d];

  std::unordered_map<uint64_t, int64_t> theirs, first;
  if (other.values.defined()) {
    RowHash hash(matched(table, other, line, against));
    out.complete = for_each_row(other.values, add_progress, stop,
                                [&](int64_t i, const double* row) { theirs.emplace(hash(row), i); });
  }
  ColumnReporter reporter(out.columns);
  RowHash hash(in_order);
  const auto check_row = [&](int64_t i, const double* row) {
    if (!reporter.add(row)) out.incomplete.push_back(i);
    const auto content = hash(row);
    const auto [found, fresh] = first.emplace(content, i);
    if (!fresh) out.duplicates.emplace_back(i, found->second);
    if (const auto leak = theirs.find(content); leak != theirs.end()) out.leaked.emplace_back(i, leak->second);
  };
  out.complete = out.complete && for_each_row(table.values, add_progress, stop, check_row);
  if (!out.complete) return out;

  reporter.finish();
  // A slice is a view, so only the sample is converted.
  const int64_t sampled = within_entries(kSample, width);
  const auto sample = table.values.slice(0, 0, out.rows, (out.rows + sampled - 1) / sampled).to(torch::kFloat64);
  require_whole_mapping(table.values.const_data_ptr());
  for (const int64_t d : columns_lost_in_float32(sample)) out.columns[static_cast<size_t>(d)].beyond_float32 = true;
  return out;
}

}  // namespace monge::data
