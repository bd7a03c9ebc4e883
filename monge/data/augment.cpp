#include "monge/data/augment.h"

#include <ATen/Dispatch.h>

#include <cstdlib>
#include <vector>

#include "monge/core/error.h"

namespace monge::data {
namespace {

/// Reflects i into [0, size). i must lie less than size beyond an end.
int64_t reflected(int64_t i, int64_t size) {
  const int64_t inside = std::abs(i);
  return inside < size ? inside : 2 * (size - 1) - inside;
}

/// Computes for each output row (or column) the input row that it is copied from.
void places(int64_t size, int64_t shift, bool mirrored, std::vector<int64_t>& out) {
  out.resize(static_cast<size_t>(size));
  for (int64_t i = 0; i < size; ++i) {
    const int64_t at = reflected(i + shift, size);
    out[static_cast<size_t>(i)] = mirrored ? size - 1 - at : at;
  }
}

template <class Pixel>
void augment_on_cpu(const torch::Tensor& in, torch::Tensor& out, const Augmentation& augmentation) {
  const int64_t channels = in.size(1), height = in.size(2), width = in.size(3);
  const int64_t sc = in.stride(1), sh = in.stride(2), sw = in.stride(3);
  const bool* mirrored = augmentation.mirrored_B.defined() ? augmentation.mirrored_B.data_ptr<bool>() : nullptr;
  const int64_t* shift = augmentation.shift_B2.defined() ? augmentation.shift_B2.data_ptr<int64_t>() : nullptr;
  std::vector<int64_t> rows, columns;
  for (int64_t b = 0; b < in.size(0); ++b) {
    places(height, shift ? shift[2 * b] : 0, false, rows);
    places(width, shift ? shift[2 * b + 1] : 0, mirrored && mirrored[b], columns);
    const auto* from = in.const_data_ptr<Pixel>() + b * in.stride(0);
    auto* to = out.mutable_data_ptr<Pixel>() + b * out.stride(0);
    for (int64_t y = 0; y < height; ++y) {
      const auto* line = from + rows[static_cast<size_t>(y)] * sh;
      for (int64_t x = 0; x < width; ++x) {
        const auto* pixel = line + columns[static_cast<size_t>(x)] * sw;
        auto* place = to + y * sh + x * sw;
        for (int64_t c = 0; c < channels; ++c) place[c * sc] = pixel[c * sc];
      }
    }
  }
}

/// The same with index tensors, for GPUs; `at` is [B, H] or [B, W].
torch::Tensor augment_by_index(const torch::Tensor& in, const Augmentation& augmentation) {
  const auto device = in.device();
  const int64_t count = in.size(0);
  const auto place = [&](int64_t size, int64_t axis) {
    auto at = torch::arange(size).unsqueeze(0).expand({count, size});
    if (augmentation.shift_B2.defined()) {
      at = (at + augmentation.shift_B2.select(1, axis).unsqueeze(1)).abs();
      at = torch::where(at < size, at, 2 * (size - 1) - at);
    }
    if (axis == 1 && augmentation.mirrored_B.defined())
      at = torch::where(augmentation.mirrored_B.unsqueeze(1), size - 1 - at, at);
    return at.contiguous();
  };
  const auto rows = place(in.size(2), 0).to(device).view({count, 1, in.size(2), 1});
  const auto columns = place(in.size(3), 1).to(device).view({count, 1, 1, in.size(3)});
  const auto images = torch::arange(count, device).view({count, 1, 1, 1});
  const auto channels = torch::arange(in.size(1), device).view({1, in.size(1), 1, 1});
  return in.index({images, channels, rows, columns}).contiguous(in.suggest_memory_format());
}

}  // namespace

torch::Tensor augmented(const torch::Tensor& images_BCHW, const Augmentation& augmentation) {
  if (augmentation.nothing()) return images_BCHW;
  require(images_BCHW.dim() == 4, "augmented: images [B, C, H, W] are needed, got ", images_BCHW.sizes());
  if (!images_BCHW.device().is_cpu()) return augment_by_index(images_BCHW, augmentation);
  const auto in = images_BCHW.is_non_overlapping_and_dense() ? images_BCHW : images_BCHW.contiguous();
  auto out = torch::empty_like(in);
  require(out.strides() == in.strides(), "augmented: the layout of the batch cannot be kept");
  AT_DISPATCH_ALL_TYPES(in.scalar_type(), "augmented", [&] { augment_on_cpu<scalar_t>(in, out, augmentation); });
  return out;
}

}  // namespace monge::data
