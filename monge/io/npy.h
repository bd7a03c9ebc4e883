// NumPy's .npy format, a file of one array.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "monge/core/files.h"

namespace monge::io {

/// Reads an array of any shape, in C or Fortran order. The result is contiguous, on the CPU, and owns its memory.
///
/// The types f8 f4 f2 i8 i4 i2 i1 u8 u4 u2 u1 b1 are read in either byte order and kept. For kUInt16, kUInt32 and
/// kUInt64 LibTorch has few operators: convert them first. Format versions 1, 2 and 3. Source: numpy.org,
/// "numpy.lib.format". The header is parsed as text; nothing in it is evaluated.
///
/// @throws InputError naming the file: no .npy file; another type (complex, text, records); an array of Python objects,
///     which would be a pickle; more or fewer bytes than the shape takes.
torch::Tensor read_npy(const std::filesystem::path& path, const Files& files = real_files());

/// The same from memory; `name` stands for the file in messages.
torch::Tensor parse_npy(std::string_view bytes, const std::string& name);

/// The array as a view of its file, which is mapped read-only. It costs only address space; pages are read when they
/// are used. The tensor must not be written to (that would terminate the process). Whoever used its values calls
/// require_whole_mapping(), since the file may be cut while the tensor or a view of it lives. Arrays that cannot be
/// mapped are copied as by read_npy: Fortran order, big-endian data, data that are not aligned to their type
/// (numpy.save aligns them), b1, empty arrays.
/// @throws InputError as read_npy; SystemError when the file cannot be mapped.
torch::Tensor map_npy(const std::filesystem::path& path);

/// The bytes before the data of an array in C order, for files that are written piece by piece. Their number is a
/// multiple of 64.
/// @throws InputError on a type that NumPy lacks (bfloat16).
std::string npy_header(torch::ScalarType type, torch::IntArrayRef shape);

/// The tensor as a .npy file of version 1.0 in C order. @throws InputError as npy_header.
std::string npy_bytes(const torch::Tensor& tensor);

/// Writes the file in one durable step.
void write_npy(const std::filesystem::path& path, const torch::Tensor& tensor, const Files& files = real_files());

}  // namespace monge::io
