// Tables of vectors and arrays of images as a source.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "monge/data/source.h"

namespace monge::data {

/// Whether the path ends in .npy, .npz, .csv, .tsv or .txt, in either case.
bool has_array_extension(const std::filesystem::path& path);

/// Which array is meant.
struct ArrayPath {
  std::filesystem::path file;
  std::string key;  ///< of a .npz; empty: its only one
};

/// "npz:FILE.npz?key=NAME" taken apart; every other line is the file itself.
/// @throws Error showing the line: no file, another kind of file, another parameter than key.
ArrayPath array_path(const std::string& line);

/// From this size on a .npy file is mapped and not read: then its values are checked when they are drawn and not at opening.
inline constexpr uint64_t kMapFrom = uint64_t{64} << 20;

/// Opens
///
///     .npy [N, D]              float or integer: vectors
///     .npy [N, C, H, W]        float in [-1, 1], or uint8 in 0..255: images
///     .npz                     the same, where it holds one array
///     npz:FILE.npz?key=NAME    the same, where it holds several
///     .csv .tsv .txt           a table, a vector a row
///
/// Floats of any width and integers other than uint8 images become float32. Arrays lie in memory, except .npy files from
/// kMapFrom bytes on: those are mapped (io::map_npy), and of float images the range of 64, evenly spread, is looked at.
/// @throws Error naming the file: unreadable, empty, another rank; a value that is NaN, infinite or too large for
///         float32 (with row and column); float images far outside [-1, 1] (beyond 4: most likely 0..255 was meant) or
///         evidently in [0, 1] (see io::looks_like_unit_range).
std::shared_ptr<const Source> open_array(const std::string& line);

/// The same for a tensor that is already there, named `name` in messages. All values are checked.
std::shared_ptr<const Source> array_source(const std::string& name, const torch::Tensor& array);

}  // namespace monge::data
