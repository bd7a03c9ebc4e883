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

torch::Device device_of(const DeviceArray& array) {
  if (array.device_type() == nb::device::cpu::value) return torch::kCPU;
  require(array.device_type() == nb::device::cuda::value, "an array on a device of another kind than CPU and CUDA");
  return {torch::kCUDA, static_cast<c10::DeviceIndex>(array.device_id())};
}

/// An array of `Framework` that shares the memory of the tensor and keeps it alive.
template <class Framework>
nb::object array_of(const torch::Tensor& tensor) {
  auto owned = std::make_unique<torch::Tensor>(tensor.detach());
  auto* data = owned->data_ptr();
  const auto device = owned->device();
  const auto shape = owned->sizes().vec();
  const auto strides = owned->strides().vec();
  const auto type = dlpack_type_of(owned->scalar_type());
  const std::vector<size_t> extents(shape.begin(), shape.end());
  nb::capsule owner(owned.release(), [](void* p) noexcept { delete static_cast<torch::Tensor*>(p); });
  const int kind = device.is_cuda() ? nb::device::cuda::value : nb::device::cpu::value;
  return nb::cast(nb::ndarray<Framework>(data, extents.size(), extents.data(), owner, strides.data(), type, kind,
                                         device.is_cuda() ? device.index() : 0),
                  nb::rv_policy::reference);
}

}  // namespace

torch::Tensor tensor_of(const DeviceArray& array) {
  std::vector<int64_t> sizes(array.ndim()), strides(array.ndim());
  for (size_t i = 0; i < array.ndim(); ++i) {
    sizes[i] = static_cast<int64_t>(array.shape(i));
    strides[i] = array.stride(i);
    require(strides[i] >= 0, "an array with negative strides cannot be shared; copy it");
  }
  const auto options = torch::TensorOptions().dtype(scalar_type_of(array.dtype())).device(device_of(array));
  if (array.size() == 0) return torch::empty(sizes, options);
  // The deleter holds a reference to the array. Releasing it takes the GIL if it is the last one.
  return torch::from_blob(const_cast<void*>(array.data()), sizes, strides, [array](void*) {}, options);
}

nb::object numpy_of(const torch::Tensor& tensor) { return array_of<nb::numpy>(tensor); }

nb::object torch_of(const torch::Tensor& tensor) { return array_of<nb::pytorch>(tensor); }

}  // namespace monge::python
