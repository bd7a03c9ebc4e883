// NumPy's .npy format: one array.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "monge/core/files.h"

namespace monge::io {

/// Reads an array of any shape, in C or Fortran order; the result is contiguous, on the CPU, and owns its memory.
///
/// Types: <f8 <f4 <f2 <i8 <i4 <i2 |i1 |u1 |b1, kept as they are. Format versions 1, 2 and 3.
/// Source: numpy.org, "numpy.lib.format". The header is read as text; nothing in it is evaluated.
///
/// @throws Error  naming the file: no .npy file; another type (big-endian, unsigned, complex, text, records); an
///                array of Python objects, which would be a pickle; more or fewer bytes than the shape takes.
torch::Tensor read_npy(const std::filesystem::path& path, const Files& files = real_files());

/// The same from memory; `name` stands for the file in messages.
torch::Tensor parse_npy(std::string_view bytes, const std::string& name);

/// The tensor as a .npy file of version 1.0 in C order. @throws Error on a type that NumPy lacks (bfloat16).
std::string npy_bytes(const torch::Tensor& tensor);

/// What stands before the data of such a file: magic, version and header, a multiple of 64 bytes.
std::string npy_header(torch::ScalarType type, const std::vector<int64_t>& shape);

/// Writes the file in one durable step.
void write_npy(const std::filesystem::path& path, const torch::Tensor& tensor, const Files& files = real_files());

}  // namespace monge::io
