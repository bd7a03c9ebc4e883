#include "monge/io/tensor_file.h"

#include <bit>
#include <cstring>

#include "monge/core/checked.h"
#include "monge/core/error.h"
#include "monge/core/nearest.h"

namespace monge::io {

static_assert(std::endian::native == std::endian::little, "the formats are little-endian and are copied as they are");

const torch::Tensor* TensorFile::find(std::string_view name) const {
  for (const auto& [key, tensor] : tensors) {
    if (key == name) return &tensor;
  }
  return nullptr;
}

const torch::Tensor& TensorFile::at(std::string_view name, const std::string& where) const {
  if (const auto* found = find(name)) return *found;
  std::vector<std::string> names;
  for (const auto& entry : tensors) names.push_back(entry.first);
  throw InputError(
      {.what = "there is no tensor " + shown(name) + " in this file", .where = where, .fix = suggestion(name, names)});
}

int64_t checked_numel(const std::vector<int64_t>& shape, const std::string& where) {
  require(shape.size() <= 64, where, ": the shape has ", shape.size(), " extents (allowed: up to 64)");
  int64_t numel = 1, without_zeros = 1;
  for (const int64_t extent : shape) {
    require(extent >= 0, where, ": the shape has a negative extent, got ", extent);
    without_zeros = checked_multiply(without_zeros, std::max<int64_t>(extent, 1), where);
    numel = extent == 0 ? 0 : numel * extent;
  }
  // The largest item of any type has sixteen bytes.
  checked_multiply(without_zeros, 16, where);
  return numel;
}

std::string type_name(torch::ScalarType type) {
  switch (type) {
    case torch::kFloat64:
      return "float64";
    case torch::kFloat32:
      return "float32";
    case torch::kFloat16:
      return "float16";
    case torch::kBFloat16:
      return "bfloat16";
    case torch::kInt64:
      return "int64";
    case torch::kInt32:
      return "int32";
    case torch::kInt16:
      return "int16";
    case torch::kInt8:
      return "int8";
    case torch::kUInt64:
      return "uint64";
    case torch::kUInt32:
      return "uint32";
    case torch::kUInt16:
      return "uint16";
    case torch::kUInt8:
      return "uint8";
    case torch::kBool:
      return "bool";
    case torch::kComplexFloat:
      return "complex64";
    case torch::kComplexDouble:
      return "complex128";
    default:
      return torch::toString(type);
  }
}

void check_size(std::string_view bytes, torch::ScalarType dtype, const std::vector<int64_t>& shape,
                const std::string& where) {
  const int64_t expected = checked_numel(shape, where) * static_cast<int64_t>(torch::elementSize(dtype));
  require(static_cast<int64_t>(bytes.size()) == expected, where, ": shape ", torch::IntArrayRef(shape), " of ",
          type_name(dtype), " needs ", expected, " bytes, the file has ", bytes.size());
}

torch::Tensor tensor_from_bytes(std::string_view bytes, torch::ScalarType dtype, const std::vector<int64_t>& shape,
                                const std::string& where) {
  check_size(bytes, dtype, shape, where);
  // Reading a bool with a value other than 0 and 1 is undefined behaviour.
  auto out = torch::empty(shape, dtype == torch::kBool ? torch::kUInt8 : dtype);
  if (!bytes.empty()) std::memcpy(out.data_ptr(), bytes.data(), bytes.size());
  return dtype == torch::kBool ? out.ne(0) : out;
}

torch::Tensor plain(const torch::Tensor& tensor) {
  return tensor.detach().to(torch::kCPU).contiguous().resolve_conj().resolve_neg();
}

std::string_view bytes_of(const torch::Tensor& plain) {
  if (plain.numel() == 0) return {};
  return {static_cast<const char*>(plain.const_data_ptr()), plain.nbytes()};
}

}  // namespace monge::io
