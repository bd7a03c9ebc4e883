// Columns of a source that float32, in which nets compute, cannot hold.
#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

#include "monge/data/source.h"

namespace monge::data {

/// Columns that lose what distinguishes their rows when they are rounded to float32, on each side of a transport
/// problem.
struct LostColumns {
  std::vector<int64_t> source, target;

  bool any() const { return !source.empty() || !target.empty(); }
};

/// The lost columns of one source, judged by the items that some_items(source, n, generator) would give (see
/// columns_lost_in_float32). Of long rows fewer are looked at: 2^22 entries, but at least 64 rows. Images have none,
/// because their range is known, and neither have endless laws, which are float32 from the beginning. A source in
/// standard units (StandardisedSource) is judged by what its float32 rows keep of the raw ones.
/// @throws InputError as Source::exact_items.
std::vector<int64_t> lost_columns(const Source& source, int64_t n, torch::Generator generator);

/// Why float32 cannot hold a column.
enum class LossCause {
  offset,  ///< its values lie far from 0 in the units of the source: raw, or by a standardisation that was measured on
           ///< other rows
  sides_apart,  ///< the two sides lie far apart, and their common mean is far from both
  stretched,    ///< a few values far from the others, or a heavy tail, stretch the scale
};

/// The causes for lost columns, told by the medians in the units of the source.
///
/// A column in raw units has an offset. A mean over these very rows lies within a deviation of their median (under
/// data.standardise = "scale" within sqrt(D) common ones), so that a median more than ten times farther away means that
/// other rows were measured. Else the sides lie apart where the medians of the two have different signs, and where they
/// have not the mean is moved by something else than the other side: by values far from the others.
/// @param other    the other side, where both share a mean and a scale; null where they do not.
/// @param columns  those that lost_columns(side, n, generator) gave.
/// @return of each of `columns`. @throws InputError as Source::exact_items.
std::vector<LossCause> loss_causes(const Source& side, const Source* other, const std::vector<int64_t>& columns,
                                   int64_t n, const torch::Generator& generator);

}  // namespace monge::data
