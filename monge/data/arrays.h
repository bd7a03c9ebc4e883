// Tables of vectors and arrays of images as sources.
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

/// A .npy file of at least this size is mapped instead of read. Its values are then checked when they are drawn, not at
/// opening.
inline constexpr uint64_t kMapFrom = uint64_t{64} << 20;

/// Opens the file that array_path names:
///
///     .npy [N, D]              float or integer: vectors
///     .npy [N, C, H, W]        float in [-1, 1], or uint8 in 0..255: images
///     .npz                     the same
///     .csv .tsv .txt           a table of text, one vector per row; also with .gz
///     .parquet                 a table of numbers, see read_parquet_table
///     .h5ad                    a table of single cells, see read_cells
///
/// Items are float32. If float32 does not hold the values of vectors exactly, the file's values are kept beside them in
/// float64 (Source::exact_items). Arrays are in memory, except .npy files of at least kMapFrom bytes: these are mapped
/// (io::map_npy) unless columns of them are chosen. The range of mapped float images is checked on 64 evenly spaced
/// images.
/// @param log  is informed of whole numbers that are rounded, see array_source, and of Table::warnings of a text.
/// @throws InputError naming the file: unreadable, empty, another rank; a value that is missing, NaN, infinite or too
///     large for float32 (with row and column); float images far outside [-1, 1] (beyond 4: most likely 0..255 was
///     meant) or evidently in [0, 1] (see io::looks_like_unit_range).
std::shared_ptr<const Source> open_array(const std::string& line, const LogSink& log = silent());

/// Makes a source of a tensor in memory, named `name` in messages. All values are checked.
/// @param log  is warned of whole numbers that float32 rounds, and of those that float64 rounds: how many, and the
///             first.
std::shared_ptr<const Source> array_source(const std::string& name, const torch::Tensor& array,
                                           const LogSink& log = silent());

/// The same with the names of columns and rows, for a tensor [N, D].
std::shared_ptr<const Source> table_source(const std::string& name, io::Table table, const LogSink& log = silent());

/// A sentence about the whole numbers of the array that float64 rounds: how many, and the first. Empty if there are
/// none. Reads the whole array if its type is an integer of 8 bytes.
std::string lost_in_float64(const torch::Tensor& array);

/// The table that array_path names, in the type of the file, in memory or mapped like open_array. Missing values are
/// NaN if `missing` keeps them. Images [N, C, H, W] are rows as well.
/// @throws InputError as open_array, but not for values, which are not checked.
io::Table read_table(const std::string& line, io::TextTableOptions::Missing missing);

/// The rows of source_kinds.h for arrays and tables.
std::vector<SourceKind> array_kinds();

}  // namespace monge::data
