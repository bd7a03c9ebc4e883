// Shared by the file formats of tensors: a list of named tensors, and the conversion between a tensor and its bytes.
#pragma once

#include <torch/types.h>

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "monge/core/names.h"

namespace monge::io {

/// Named tensors in the order of their file, with the metadata of the file. A plain value: copies share the tensors.
struct TensorFile {
  std::vector<std::pair<std::string, torch::Tensor>> tensors;  ///< names are unique
  std::map<std::string, std::string> metadata = {};
  std::vector<std::string> skipped_classes =
      {};  ///< Python classes of other packages whose objects were not constructed

  /// The tensor of this name, or null. Linear in the number of tensors.
  const torch::Tensor* find(std::string_view name) const;

  /// @param where  the file, for the message.
  /// @throws InputError that suggests the nearest name.
  const torch::Tensor& at(std::string_view name, const std::string& where) const;
};

/// The number of elements of a shape from a file.
/// @throws InputError starting with `where` when an extent is negative, there are more than 64 extents, or the product
///     of the non-zero ones overflows (so that strides of empty tensors fit, too).
int64_t checked_numel(const std::vector<int64_t>& shape, const std::string& where);

/// The numpy name of a type: "float32", "uint16", "bool"; LibTorch's name if numpy has none ("bfloat16").
std::string type_name(torch::ScalarType type);

/// @throws InputError starting with `where` when the bytes are not exactly numel * item size.
void check_size(std::string_view bytes, torch::ScalarType dtype, const std::vector<int64_t>& shape,
                const std::string& where);

/// A CPU tensor that owns a copy of little-endian `bytes`. For kBool every byte other than 0 is true.
/// @throws InputError as check_size.
torch::Tensor tensor_from_bytes(std::string_view bytes, torch::ScalarType dtype, const std::vector<int64_t>& shape,
                                const std::string& where);

/// The tensor on the CPU, contiguous and without gradient; it shares the memory if possible.
torch::Tensor plain(const torch::Tensor& tensor);

/// The bytes of a tensor from plain(), valid as long as the tensor.
std::string_view bytes_of(const torch::Tensor& plain);

}  // namespace monge::io
