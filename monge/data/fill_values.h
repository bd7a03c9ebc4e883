// Detects fill values, codes such as -9999, 1e20 or -3.4e38, by their distance from the other values.
#pragma once

#include <torch/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "monge/core/log.h"
#include "monge/data/source.h"

namespace monge::data {

/// The few values of a column that lie far beyond all others.
struct FillValues {
  struct Value {
    double value = 0;
    int64_t rows = 0;
  };
  std::vector<Value> values;   ///< ascending
  double least = 0, most = 0;  ///< the range of the other values
  int64_t others = 0;          ///< rows that have one of the other values
  double times = 0;            ///< the smallest distance of `values` from the others, divided by most - least
};

/// Collects the smallest and the largest values of a column, with the number of their rows, one value at a time.
class ExtremeValues {
 public:
  /// At most so many different values count as fill values, at both ends together. More of them are a tail of the
  /// distribution.
  static constexpr size_t kMost = 4;
  /// A fill value is at least so many times the range of the others away from them. This finds a code such as -9999
  /// beside values of a few units. It spares legitimate heavy tails: of 10,000 columns of 300 log-normal values (sigma
  /// 3), none has such a value.
  static constexpr double kFar = 1000;
  /// The other values must have at least so many rows, where the rows of their smallest or their largest value (the
  /// more frequent one) count as one. Among fewer rows a distance says little, and in a column of zeros a few small
  /// values are no scale.
  static constexpr int64_t kLeastOthers = 8;
  /// If the other values differ by less than this fraction of their magnitude, they count as one value with rounding
  /// noise.
  static constexpr double kNoise = 1e-9;

  /// Ignores values that are not finite.
  void add(double value);

  /// The largest group of at most kMost values, at either end or both, whose distance from all others is at least kFar
  /// times the range of the others. A column whose other values are all equal (binary, or constant with an exception)
  /// has none, because nothing is lost in it.
  std::optional<FillValues> fill_values() const;

 private:
  using Ends =
      std::array<FillValues::Value, kMost + 1>;  // from the outside inwards; the last one belongs to the others
  static void insert(double value, Ends& ends, size_t& size, bool upper);

  Ends low_{}, high_{};
  size_t lows_ = 0, highs_ = 0;
  int64_t rows_ = 0;
};

/// One entry per column; empty if the column has no fill values.
using FillColumns = std::vector<std::optional<FillValues>>;

FillColumns fill_columns(const std::vector<ExtremeValues>& extremes);

/// The fill values of the items that some_items(source, n, generator) would give. If rows are long, fewer items are
/// read: 2^22 entries, but at least 64 rows. Images and endless laws have none. Pass a source in raw units
/// (raw_source).
/// @throws InputError as Source::exact_items.
FillColumns find_fill_values(const Source& source, int64_t n, torch::Generator generator);

/// "one value, 1e+20 (1 row), is 1.5e+19 times farther from the others than they are from one another"
std::string in_words(const FillValues& found);

/// Logs one warning that names the columns of both sides and what to do. Logs nothing if there are none.
void warn_of_fill_values(const Source& source, const FillColumns& of_source, const Source& target,
                         const FillColumns& of_target, const LogSink& log);

}  // namespace monge::data
