// Columns of a source that float32, in which nets compute, cannot hold.
#pragma once

#include <string>
#include <vector>

#include <torch/types.h>

#include "monge/data/source.h"

namespace monge::data {

/// Columns that lose what distinguishes their rows when they are rounded to float32, on each side of a transport problem.
struct LostColumns {
  std::vector<int64_t> source, target;

  bool any() const { return !source.empty() || !target.empty(); }
};

/// The lost columns of one source, judged by the items that some_items(source, n, generator) would give (see
/// columns_lost_in_float32). Of long rows fewer are looked at: 2^22 entries, but at least 64 rows. Images have none, because
/// their range is known, and neither have endless laws, which are float32 from the beginning. A source in standard units
/// (StandardisedSource) is judged in these.
/// @throws Error as Source::exact_items.
std::vector<int64_t> lost_columns(const Source& source, int64_t n, torch::Generator generator);

}  // namespace monge::data
