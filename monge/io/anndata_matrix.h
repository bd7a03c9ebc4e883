// The matrices of AnnData as tensors: dense, sparse by rows or columns, data frames. Internal to the files of io for
// AnnData.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "monge/io/hdf5.h"

namespace monge::io {

/// Rows and columns of a matrix, without reading its values.
/// @throws InputError if the element is no matrix, or its parts do not fit together.
std::pair<int64_t, int64_t> matrix_shape(const Hdf5Node& element);

/// The type of a tensor that holds the numbers exactly: the file's own, or float32 for float16, truth values and
/// integers up to 16 bits, and int64 for uint32. @throws InputError if the element holds no numbers.
torch::ScalarType matrix_type(const Hdf5Node& element);

/// Reads chosen rows and columns, in these orders.
///
/// Blocks of the file are read one after another, so that beside the result little is in memory. Entries of a sparse
/// matrix that occur twice are added. Uses no operator of LibTorch, see run_in_child.
/// @param rows, columns  within matrix_shape; rows ascend.
/// @param type  matrix_type. @param to  [rows, columns] zeros of this type.
/// @throws InputError if the file is damaged.
void read_matrix(const Hdf5Node& element, const std::vector<int64_t>& rows, const std::vector<int64_t>& columns,
                 torch::ScalarType type, void* to);

/// Adds the sums of the columns over all rows to `sums`, [columns]. Uses no operator of LibTorch.
void add_column_sums(const Hdf5Node& element, double* sums);

/// The offsets of a sparse matrix: where each of its `slices` rows (or columns) begins, and the end of the last.
/// @throws InputError if they are not in order or go beyond the entries.
std::vector<int64_t> sparse_offsets(const Hdf5Node& element, int64_t slices);

/// Splits slices [0, slices) into blocks of at most about `entries` entries, and at least one slice each.
std::vector<std::pair<int64_t, int64_t>> sparse_blocks(const std::vector<int64_t>& offsets, int64_t entries);

}  // namespace monge::io
