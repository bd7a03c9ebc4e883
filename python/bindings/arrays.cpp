#include "python/bindings/arrays.h"

#include <memory>
#include <vector>

#include "monge/core/error.h"

namespace monge::python {
namespace {

torch::ScalarType scalar_type_of(nb::dlpack::dtype type) {
  using Code = nb::dlpack::dtype_code;
  const auto code = static_cast<Code>(type.code);
  if (type.lanes == 1) {
    switch (code) {
      case Code::Bool:
        return torch::kBool;
      case Code::Int:
        if (type.bits == 8) return torch::kInt8;
        if (type.bits == 16) return torch::kInt16;
        if (type.bits == 32) return torch::kInt32;
        if (type.bits == 64) return torch::kInt64;
        break;
      case Code::UInt:
        if (type.bits == 8) return torch::kUInt8;
        if (type.bits == 16) return torch::kUInt16;
        if (type.bits == 32) return torch::kUInt32;
        if (type.bits == 64) return torch::kUInt64;
        break;
      case Code::Float:
        if (type.bits == 16) return torch::kFloat16;
        if (type.bits == 32) return torch::kFloat32;
        if (type.bits == 64) return torch::kFloat64;
        break;
      case Code::Bfloat:
        if (type.bits == 16) return torch::kBFloat16;
        break;
      default:
        break;
    }
  }
  throw InputError({.what = "an array of a type that cannot be used",
                    .value = text("DLPack type ", int{type.code}, " of ", int{type.bits}, " bits"),
                    .allowed = "integers and floats"});
}

nb::dlpack::dtype dlpack_type_of(torch::ScalarType type) {
  switch (type) {
    case torch::kFloat32:
      return nb::dtype<float>();
    case torch::kFloat64:
      return nb::dtype<double>();
    case torch::kUInt8:
      return nb::dtype<uint8_t>();
    case torch::kInt64:
      return nb::dtype<int64_t>();
    default:
      throw SystemError(text("no NumPy array is made of a tensor of type ", torch::toString(type)));
  }
}

}  // namespace

torch::Tensor tensor_of(const Array& array) {
  std::vector<int64_t> sizes(array.ndim()), strides(array.ndim());
  for (size_t i = 0; i < array.ndim(); ++i) {
    sizes[i] = static_cast<int64_t>(array.shape(i));
    strides[i] = array.stride(i);
    require(strides[i] >= 0, "an array with negative strides cannot be shared; copy it");
  }
  const auto type = scalar_type_of(array.dtype());
  if (array.size() == 0) return torch::empty(sizes, type);
  // The deleter holds a reference to the array. Releasing it takes the GIL if it is the last one.
  return torch::from_blob(
      const_cast<void*>(array.data()), sizes, strides, [array](void*) {}, torch::TensorOptions().dtype(type));
}

nb::object numpy_of(const torch::Tensor& tensor) {
  auto owned = std::make_unique<torch::Tensor>(tensor.detach());
  auto* data = owned->data_ptr();
  const auto shape = owned->sizes().vec();
  const auto strides = owned->strides().vec();
  const auto type = dlpack_type_of(owned->scalar_type());
  const std::vector<size_t> extents(shape.begin(), shape.end());
  nb::capsule owner(owned.release(), [](void* p) noexcept { delete static_cast<torch::Tensor*>(p); });
  return nb::cast(nb::ndarray<nb::numpy>(data, extents.size(), extents.data(), owner, strides.data(), type),
                  nb::rv_policy::reference);
}

}  // namespace monge::python
