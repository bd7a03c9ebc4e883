// Tables of vectors and arrays of images as a source.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "monge/core/log.h"
#include "monge/data/array_path.h"
#include "monge/data/source.h"
#include "monge/data/source_kinds.h"

namespace monge::data {

/// From this size on a .npy file is mapped and not read: then its values are checked when they are drawn and not at
/// opening.
inline constexpr uint64_t kMapFrom = uint64_t{64} << 20;

/// Opens what array_path names:
///
///     .npy [N, D]              float or integer: vectors
///     .npy [N, C, H, W]        float in [-1, 1], or uint8 in 0..255: images
///     .npz                     the same
///     .csv .tsv .txt           a table of text, a vector a row; also with .gz
///     .parquet                 a table of numbers, see read_parquet_table
///
/// Items are float32. Of vectors whose values float32 does not hold exactly, the values of the file are kept beside
/// them in float64 (Source::exact_items). Arrays lie in memory, except .npy files from kMapFrom bytes on: those are
/// mapped (io::map_npy) unless columns of them are chosen, and of float images the range of 64, evenly spread, is
/// looked at.
/// @param log   told which whole numbers are rounded, see array_source, and Table::warnings of a text.
/// @throws InputError naming the file: unreadable, empty, another rank; a value that is missing, NaN, infinite or too
/// large for
///         float32 (with row and column); float images far outside [-1, 1] (beyond 4: most likely 0..255 was meant) or
///         evidently in [0, 1] (see io::looks_like_unit_range).
std::shared_ptr<const Source> open_array(const std::string& line, const LogSink& log = silent());

/// The same for a tensor that is already there, named `name` in messages. All values are checked.
/// @param log  warned of whole numbers that float32 rounds, and of those that float64 rounds: how many, and the first.
std::shared_ptr<const Source> array_source(const std::string& name, const torch::Tensor& array,
                                           const LogSink& log = silent());

/// A sentence on the whole numbers of the array that float64 rounds: how many, and the first. Empty where there are
/// none. Reads the whole array where its type is an integer of 8 bytes.
std::string lost_in_float64(const torch::Tensor& array);

/// The table that array_path names, in the type of the file, in memory or mapped as open_array has it; missing values
/// are NaN where `missing` keeps them. Images [N, C, H, W] are rows as well. @throws InputError as open_array, but for
/// values, which are not looked at.
io::Table read_table(const std::string& line, io::TextTableOptions::Missing missing);

/// The rows of source_kinds.h for arrays and tables.
std::vector<SourceKind> array_kinds();

}  // namespace monge::data
