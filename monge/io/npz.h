// NumPy's .npz format, a zip archive of .npy files.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace monge::io {

/// The names of the arrays in the order of the file, without ".npy", as numpy.load shows them. Nothing is unpacked.
/// @throws InputError naming the file: missing, no zip archive, damaged.
std::vector<std::string> npz_names(const std::filesystem::path& path);

/// Reads one array, stored (numpy.savez) or compressed (numpy.savez_compressed), as read_npy would return it. During
/// unpacking it takes twice its memory.
/// @param name  the array; empty: the only one.
/// @throws InputError naming the file and the array, with the existing names: there is no such array, there are several
///     and none was named, there is none at all; else as npz_names and read_npy.
torch::Tensor read_npz(const std::filesystem::path& path, const std::string& name = "");

}  // namespace monge::io
