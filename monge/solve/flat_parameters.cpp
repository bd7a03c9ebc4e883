#include "monge/solve/flat_parameters.h"

#include "monge/core/error.h"

namespace monge::solve {
namespace {

constexpr int64_t kBytes = 64;  // the size of a vector register and of a cache line
constexpr int64_t kRow = 1024;  // entries that `norm` sums at once

int64_t round_up(int64_t value, int64_t multiple) { return (value + multiple - 1) / multiple * multiple; }

std::vector<int64_t> strides_of(const torch::Tensor& tensor) {
  if (tensor.is_non_overlapping_and_dense()) return tensor.strides().vec();
  std::vector<int64_t> out(static_cast<size_t>(tensor.dim()), 1);
  for (int64_t axis = tensor.dim() - 2; axis >= 0; --axis) {
    out[static_cast<size_t>(axis)] = out[static_cast<size_t>(axis) + 1] * tensor.size(axis + 1);
  }
  return out;
}

}  // namespace

FlatParameters::FlatParameters(const std::vector<torch::Tensor>& like) {
  const at::NoGradGuard no_grad;
  if (like.empty()) {
    whole_ = torch::zeros({0});
    return;
  }
  const auto options = like[0].options().requires_grad(false);
  std::vector<int64_t> offsets;
  int64_t length = 0;
  for (const auto& tensor : like) {
    require(tensor.scalar_type() == like[0].scalar_type() && tensor.device() == like[0].device(),
            "tensors of one flat buffer must have the same type and device");
    offsets.push_back(length);
    length += round_up(tensor.numel(), kBytes / static_cast<int64_t>(like[0].element_size()));
  }
  whole_ = torch::zeros({round_up(length, kRow)}, options.memory_format(std::nullopt));
  for (size_t i = 0; i < like.size(); ++i) {
    views_.push_back(whole_.as_strided(like[i].sizes(), strides_of(like[i]), offsets[i]));
  }
}

FlatParameters FlatParameters::twin() const {
  const at::NoGradGuard no_grad;
  FlatParameters out;
  out.whole_ = torch::zeros_like(whole_);
  for (const auto& view : views_) {
    out.views_.push_back(out.whole_.as_strided(view.sizes(), view.strides(), view.storage_offset()));
  }
  return out;
}

void FlatParameters::adopt(const std::vector<torch::Tensor>& tensors) {
  const at::NoGradGuard no_grad;
  require(tensors.size() == views_.size(), "a layout of ", views_.size(), " tensors got ", tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    views_[i].copy_(tensors[i]);
    tensors[i].set_data(views_[i]);
  }
}

void FlatParameters::keep(const std::vector<torch::Tensor>& tensors) {
  const at::NoGradGuard no_grad;
  for (size_t i = 0; i < tensors.size(); ++i) {
    if (tensors[i].const_data_ptr() == views_[i].const_data_ptr()) continue;
    require(tensors[i].scalar_type() == whole_.scalar_type() && tensors[i].device() == whole_.device(),
            "a tensor in training was moved to ", tensors[i].device().str(), " as ", tensors[i].scalar_type(),
            "; pass the device and the precision to the solver");
    views_[i].copy_(tensors[i]);
    tensors[i].set_data(views_[i]);
  }
}

void gather_gradient(const torch::Tensor& parameter, const torch::Tensor& view) {
  const at::NoGradGuard no_grad;
  auto& gradient = parameter.mutable_grad();
  if (gradient.is_same(view)) return;
  if (!gradient.defined()) {
    view.zero_();
  } else if (gradient.const_data_ptr() != view.const_data_ptr() || gradient.strides() != view.strides()) {
    view.copy_(gradient);
  }
  gradient = view;
}

double host_value(const torch::Tensor& scalar) {
  if (scalar.scalar_type() == torch::kFloat32) return static_cast<double>(*scalar.const_data_ptr<float>());
  return scalar.scalar_type() == torch::kFloat64 ? *scalar.const_data_ptr<double>() : scalar.item<double>();
}

torch::Tensor norm(const FlatParameters& flat) {
  return at::linalg_vector_norm(at::linalg_vector_norm(flat.whole().view({-1, kRow}), 2, at::IntArrayRef{1}), 2);
}

}  // namespace monge::solve
