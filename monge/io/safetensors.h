// The safetensors format: a JSON header, then the bytes of all tensors. Nothing in it can run.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "monge/core/files.h"
#include "monge/io/tensor_file.h"

namespace monge::io {

/// Reads a whole safetensors file. The tensors own their memory, are contiguous, on the CPU and in the header's order.
///
///     uint64 n (little-endian) | n bytes of JSON | data
///     { "name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}, ..., "__metadata__": {"k": "v"} }
///
/// Types: F64 F32 F16 BF16 I64 I32 I16 I8 U8 BOOL. Source: github.com/huggingface/safetensors, README "Format".
///
/// @throws InputError naming the file and the tensor: a header that is cut, over 100 MB or no such JSON object; a
///     duplicate name; a type that is not listed; offsets that leave the data, overlap, or leave a hole.
TensorFile read_safetensors(const std::filesystem::path& path, const Files& files = real_files());

/// The metadata of a file alone: its header is read, and neither its tensors nor their extent are.
/// @throws InputError as read_safetensors for a header that is cut, too long or no such JSON object.
std::map<std::string, std::string> read_safetensors_metadata(const std::filesystem::path& path);

/// As read_safetensors, from memory; `name` stands for the file in messages.
TensorFile parse_safetensors(std::string_view bytes, const std::string& name);

/// The file as bytes. Tensors may be strided, on a GPU, or part of a graph. The data are ordered by falling item size,
/// so that every tensor begins aligned; the header keeps the order of `content`.
/// @throws InputError on a type that the format lacks, a duplicate name, the name "__metadata__", or a name that is not
///     UTF-8.
std::string safetensors_bytes(const TensorFile& content);

/// Writes the file in one durable step: after a crash the old file or the new one is there.
void write_safetensors(const std::filesystem::path& path, const TensorFile& content, const Files& files = real_files());

}  // namespace monge::io
