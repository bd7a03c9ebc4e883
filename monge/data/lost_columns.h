// Columns of a source that lose information in float32, in which networks compute.
#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

#include "monge/data/source.h"

namespace monge::data {

/// The columns whose rows can no longer be distinguished after rounding to float32, on each side of a transport
/// problem.
struct LostColumns {
  std::vector<int64_t> source, target;

  bool any() const { return !source.empty() || !target.empty(); }
};

/// The lost columns of one source, judged by the items that some_items(source, n, generator) would give (see
/// columns_lost_in_float32). If rows are long, fewer items are read: 2^22 entries, but at least 64 rows. Images have
/// none, because their range is known. Endless laws have none, because they are float32 from the beginning. A source in
/// standard units (StandardisedSource) is judged by how much of the raw values its float32 rows keep.
/// @throws InputError as Source::exact_items.
std::vector<int64_t> lost_columns(const Source& source, int64_t n, torch::Generator generator);

/// Why float32 cannot hold a column.
enum class LossCause {
  offset,  ///< its values lie far from 0 in the units of the source: raw, or by a standardisation that was measured on
           ///< other rows
  sides_apart,  ///< the two sides lie far apart, and their common mean is far from both
  stretched,    ///< a few values far from the others, or a heavy tail, stretch the scale
};

/// The causes of lost columns, inferred from the medians in the units of the source.
///
/// A column in raw units has an offset. A mean over these very rows lies within one deviation of their median (under
/// data.standardise = "scale", within sqrt(D) common ones). So a median more than ten times farther away means that
/// other rows were measured. Otherwise, if the medians of the two sides have different signs, the sides lie apart. If
/// they have the same sign, something other than the other side moves the mean: values far from the others.
/// @param other  the other side, if both share a mean and a scale; else null.
/// @param columns  the result of lost_columns(side, n, generator).
/// @return one cause for each of `columns`. @throws InputError as Source::exact_items.
std::vector<LossCause> loss_causes(const Source& side, const Source* other, const std::vector<int64_t>& columns,
                                   int64_t n, const torch::Generator& generator);

}  // namespace monge::data
