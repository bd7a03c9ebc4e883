// Tables of vectors and arrays of images as a source.
#pragma once

#include <filesystem>
#include <memory>

#include "monge/data/tensor_source.h"

namespace monge::data {

/// Whether the path ends in .npy, .csv, .tsv or .txt, in either case.
bool has_array_extension(const std::filesystem::path& path);

/// Opens an array held in memory:
///
///     .npy [N, D]         float or integer: vectors
///     .npy [N, C, H, W]   float in [-1, 1], or uint8 in 0..255: images
///     .csv .tsv .txt      a table, a vector a row
///
/// Floats of any width and integers other than uint8 images become float32.
/// @throws Error naming the file: unreadable, empty, another rank; a value that is NaN, infinite or too large for
///         float32 (with row and column); float images far outside [-1, 1] (beyond 4: most likely 0..255 was meant) or
///         evidently in [0, 1] (see io::looks_like_unit_range).
std::shared_ptr<const TensorSource> open_array(const std::filesystem::path& path);

/// The same for a tensor that is already there, named `name` in messages.
std::shared_ptr<const TensorSource> array_source(const std::string& name, const torch::Tensor& array);

}  // namespace monge::data
