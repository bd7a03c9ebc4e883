// Values that stand for something else (-9999, 1e20, -3.4e38), told by their distance from the others.
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
  int64_t others = 0;          ///< rows that have these
  double times = 0;            ///< the smallest distance of `values` from the others, divided by most - least
};

/// The smallest and the largest values of a column with the number of their rows, gathered as the values come.
class ExtremeValues {
 public:
  /// Different values that can count as fill values, at both ends together. More of them are a tail of the
  /// distribution.
  static constexpr size_t kMost = 4;
  /// So many times the range of the others. A code such as -9999 beside values of a few units is found. Legitimate
  /// heavy tails are spared: of 10,000 columns of 300 log-normal values (sigma 3), none has such a value.
  static constexpr double kFar = 1000;
  /// Rows that the others must have at least, those of the smallest or the largest of them (the more frequent) counted
  /// as one: among fewer, a distance says little, and of a column of zeros a few small values are no scale.
  static constexpr int64_t kLeastOthers = 8;
  /// Others that differ by less than this part of their magnitude are one value with the noise of computing.
  static constexpr double kNoise = 1e-9;

  /// Leaves out what is not finite.
  void add(double value);

  /// The largest group of at most kMost values, at either end or both, that lie kFar times farther from all others than
  /// these reach. A column whose other values are all one (binary, or constant with an exception) has none: nothing is
  /// lost in it.
  std::optional<FillValues> fill_values() const;

 private:
  using Ends =
      std::array<FillValues::Value, kMost + 1>;  // from the outside to the inside; the one more begins the others
  static void insert(double value, Ends& ends, size_t& size, bool upper);

  Ends low_{}, high_{};
  size_t lows_ = 0, highs_ = 0;
  int64_t rows_ = 0;
};

/// Of each column, nothing where it has none.
using FillColumns = std::vector<std::optional<FillValues>>;

FillColumns fill_columns(const std::vector<ExtremeValues>& extremes);

/// The fill values of the items that some_items(source, n, generator) would give; of long rows fewer are looked at:
/// 2^22 entries, but at least 64 rows. Images and endless laws have none. Give raw units (raw_source).
/// @throws InputError as Source::exact_items.
FillColumns find_fill_values(const Source& source, int64_t n, torch::Generator generator);

/// "one value, 1e+20 (1 row), is 1.5e+19 times farther from the others than they are from one another"
std::string in_words(const FillValues& found);

/// One warning that names the columns of both sides and what to do; nothing where there are none.
void warn_of_fill_values(const Source& source, const FillColumns& of_source, const Source& target,
                         const FillColumns& of_target, const LogSink& log);

}  // namespace monge::data
