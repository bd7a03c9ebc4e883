// Arrays of Python as tensors, and the other way round.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <torch/types.h>

namespace monge::python {

namespace nb = nanobind;

/// Any array on the CPU that nanobind can read: NumPy, PyTorch, DLPack, the buffer protocol. It may be read-only.
using Array = nb::ndarray<nb::ro, nb::device::cpu>;

/// The same on the CPU or a GPU.
using DeviceArray = nb::ndarray<nb::ro>;

/// A tensor that shares the memory of the array and keeps it alive; from any thread.
/// @throws InputError for a type that LibTorch does not have, for negative strides, or for a device other than CPU and
/// CUDA.
torch::Tensor tensor_of(const DeviceArray& array);
inline torch::Tensor tensor_of(const Array& array) { return tensor_of(DeviceArray(array)); }

/// A NumPy array that shares the memory of a tensor on the CPU and keeps it alive.
nb::object numpy_of(const torch::Tensor& tensor);

/// A tensor of PyTorch that shares the memory of a tensor on any device and keeps it alive, by DLPack.
nb::object torch_of(const torch::Tensor& tensor);

}  // namespace monge::python
