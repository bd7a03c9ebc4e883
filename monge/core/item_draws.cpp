#include "monge/core/item_draws.h"

#include "monge/core/error.h"

namespace monge {

torch::Device ItemDraws::device() const {
  for (const auto& generator : generators_) {
    if (generator.defined()) return generator.device();
  }
  throw InputError("no stream to draw from");
}

/// Draws the items [begin, begin + length) of the whole batch. @param sizes  of the result.
template <class Fill>
torch::Tensor ItemDraws::filled(int64_t begin, int64_t length, at::IntArrayRef sizes, Fill&& fill) const {
  const auto options = torch::dtype(torch::kFloat32).device(device());
  const int64_t first = begin / block, last = (begin + length - 1) / block;
  const auto extent = [&](int64_t b) { return std::min(block, whole_ - b * block); };
  if (whole_ < 0 || first == last) {
    auto one = sizes.vec();
    one[0] = whole_ < 0 ? length : extent(first);
    auto out = torch::empty(one, options);
    fill(out, generators_[whole_ < 0 ? 0 : static_cast<size_t>(first)]);
    return whole_ < 0 ? out : out.narrow(0, begin - first * block, length);
  }
  auto touched = sizes.vec();
  touched[0] = (last - first) * block + extent(last);
  auto out = torch::empty(touched, options);
  for (int64_t b = first; b <= last; ++b) {
    auto part = out.narrow(0, (b - first) * block, extent(b));
    fill(part, generators_[static_cast<size_t>(b)]);
  }
  return out.narrow(0, begin - first * block, length);
}

torch::Tensor ItemDraws::normal(at::IntArrayRef sizes) const {
  require(whole_ < 0 || sizes[0] == length_, "draws for ", length_, " items were requested with shape ", sizes);
  return filled(begin_, sizes[0], sizes,
                [](torch::Tensor& part, const torch::Generator& generator) { part.normal_(0, 1, generator); });
}

torch::Tensor ItemDraws::normal_of_whole(int64_t length) const {
  const int64_t items = whole_ < 0 ? length : whole_;
  return filled(0, items, {items},
                [](torch::Tensor& part, const torch::Generator& generator) { part.normal_(0, 1, generator); });
}

torch::Tensor ItemDraws::uniform_of_whole(int64_t length) const {
  const int64_t items = whole_ < 0 ? length : whole_;
  return filled(0, items, {items},
                [](torch::Tensor& part, const torch::Generator& generator) { part.uniform_(0, 1, generator); });
}

}  // namespace monge
