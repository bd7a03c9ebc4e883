// The JSON header of a safetensors file, checked during parsing, so that it takes little more memory than its text.
#pragma once

#include <torch/types.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace monge::io {

/// One tensor of the header. begin and end are offsets into the data that have not yet been compared with its size.
struct TensorEntry {
  std::string name;
  torch::ScalarType dtype = torch::kFloat32;
  std::vector<int64_t> shape = {};
  uint64_t begin = 0, end = 0;
};

struct SafetensorsHeader {
  std::vector<TensorEntry> entries;  ///< in the order of the text; names are unique
  std::map<std::string, std::string> metadata;
};

/// @throws InputError naming the file and the tensor when the text is no JSON object or deviates from the format.
SafetensorsHeader parse_safetensors_header(std::string_view json, const std::string& file);

/// "F32" for kFloat32. @throws InputError naming the tensor when the format has no such type.
std::string safetensors_type_name(torch::ScalarType dtype, const std::string& tensor);

}  // namespace monge::io
