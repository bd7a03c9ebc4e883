#include "monge/nn/ops/noise.h"

#include <torch/autograd.h>

#include "monge/core/error.h"
#include "monge/nn/ops/kernel_table.h"

namespace monge::nn::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kLow = 0xFFFFFFFF;  // words of 32 bits, kept in int64

/// High and low word of the product with a constant. The product wraps, which leaves its bits right.
std::pair<torch::Tensor, torch::Tensor> product(const torch::Tensor& word, int64_t constant) {
  const auto whole = word * constant;
  return {whole.bitwise_right_shift(32).bitwise_and(kLow), whole.bitwise_and(kLow)};
}

torch::Tensor unit(const torch::Tensor& word) { return word.to(torch::kFloat32) * 2.3283064e-10F; }

/// `flat`, of as many numbers as x, at x's places in memory.
torch::Tensor placed(const torch::Tensor& flat, const torch::Tensor& x) {
  return at::empty_like(x, flat.options()).set_(flat.storage(), 0, x.sizes(), x.strides());
}

void check_state(const torch::Tensor& state, const torch::Tensor& x) {
  require(state.device() == x.device() && state.scalar_type() == torch::kInt64 && state.numel() == 2 &&
              state.is_contiguous(),
          "noise: the state must be that of noise_state() on the device of x, ", x.device(), "; got ", state.sizes(),
          " of ", state.scalar_type(), " on ", state.device());
}

void check(const torch::Tensor& x, const torch::Tensor& sigma) {
  require(x.dim() > 0 && sigma.dim() == 1 && sigma.size(0) == x.size(0),
          "add_noise: sigma must be [B] for x [B, ...]; got ", sigma.sizes(), " for ", x.sizes());
  require(x.is_non_overlapping_and_dense(), "add_noise: x must be dense in memory");
}

bool takes_noise(const torch::Tensor& x, const torch::Tensor& sigma) {
  return forms_for(x).add_noise && x.numel() > 0 && sigma.scalar_type() == torch::kFloat32 && sigma.is_contiguous() &&
         sigma.device() == x.device() && x.stride(0) == x.numel() / x.size(0);
}

torch::Tensor column(const torch::Tensor& sigma, const torch::Tensor& x) {
  std::vector<int64_t> shape(static_cast<size_t>(x.dim()), 1);
  shape[0] = x.size(0);
  return sigma.view(shape);
}

torch::Tensor plain_scaled(const torch::Tensor& x, const torch::Tensor& sigma, const torch::Tensor& state,
                           uint32_t stream) {
  return column(sigma, x) * placed(plain_normals(x.numel(), state, stream), x);
}

/// The derivative is one.
class Added : public torch::autograd::Function<Added> {
 public:
  static torch::Tensor forward(AutogradContext*, const torch::Tensor& x, const torch::Tensor& sigma,
                               const torch::Tensor& state, int64_t stream) {
    return forms_for(x).add_noise(x, sigma, state, static_cast<uint32_t>(stream), /*centred=*/true);
  }
  static variable_list backward(AutogradContext*, variable_list gradients) { return {gradients[0], {}, {}, {}}; }
};

}  // namespace

torch::Tensor noise_state(uint64_t seed, torch::Device device, uint64_t offset) {
  return torch::tensor({static_cast<int64_t>(seed), static_cast<int64_t>(offset)}, torch::kInt64).to(device);
}

void advance_noise(const torch::Tensor& state) { state.select(0, 1).add_(1); }

torch::Tensor plain_normals(int64_t count, const torch::Tensor& state, uint32_t stream) {
  const at::NoGradGuard no_grad;
  const auto seed = state.select(0, 0), offset = state.select(0, 1);
  const auto high = [](const torch::Tensor& t) { return t.bitwise_right_shift(32).bitwise_and(kLow); };
  const auto low = [](const torch::Tensor& t) { return t.bitwise_and(kLow); };
  auto c0 = torch::arange((count + 3) / 4, state.options()).bitwise_and(kLow);
  auto c1 = torch::full_like(c0, static_cast<int64_t>(stream)), c2 = torch::zeros_like(c0) + low(offset),
       c3 = torch::zeros_like(c0) + high(offset);
  auto key0 = low(seed), key1 = high(seed);
  for (int round = 0; round < 10; ++round) {
    const auto [a_high, a_low] = product(c0, 0xD2511F53);
    const auto [b_high, b_low] = product(c2, 0xCD9E8D57);
    c0 = b_high.bitwise_xor(c1).bitwise_xor(key0);
    c1 = b_low;
    c2 = a_high.bitwise_xor(c3).bitwise_xor(key1);
    c3 = a_low;
    key0 = low(key0 + 0x9E3779B9);
    key1 = low(key1 + 0xBB67AE85);
  }
  std::vector<torch::Tensor> numbers;
  for (const auto& [a, b] : {std::pair(c0, c1), std::pair(c2, c3)}) {
    const auto radius = torch::sqrt(-2 * torch::log(unit(a) + 1.1641532e-10F));
    const auto angle = 6.283185307179586 * unit(b).to(torch::kFloat64);
    numbers.push_back(radius * torch::cos(angle).to(torch::kFloat32));
    numbers.push_back(radius * torch::sin(angle).to(torch::kFloat32));
  }
  return torch::stack(numbers, 1).flatten().narrow(0, 0, count).contiguous();
}

torch::Tensor plain_add_noise(const torch::Tensor& x, const torch::Tensor& sigma, const torch::Tensor& state,
                              uint32_t stream) {
  check(x, sigma);
  check_state(state, x);
  return x + plain_scaled(x, sigma, state, stream).to(x.scalar_type());
}

torch::Tensor add_noise(const torch::Tensor& x, const torch::Tensor& sigma, const torch::Tensor& state,
                        uint32_t stream) {
  check(x, sigma);
  check_state(state, x);
  if (!takes_noise(x, sigma)) return plain_add_noise(x, sigma, state, stream);
  if (at::GradMode::is_enabled() && x.requires_grad())
    return Added::apply(x, sigma, state, static_cast<int64_t>(stream));
  return forms_for(x).add_noise(x, sigma, state, stream, /*centred=*/true);
}

torch::Tensor scaled_noise(const torch::Tensor& like, const torch::Tensor& sigma, const torch::Tensor& state,
                           uint32_t stream) {
  check(like, sigma);
  check_state(state, like);
  const auto x = like.detach();
  if (!takes_noise(x, sigma)) return plain_scaled(x, sigma, state, stream).to(x.scalar_type());
  return forms_for(x).add_noise(x, sigma, state, stream, /*centred=*/false);
}

torch::Tensor plain_with_noise(const torch::Tensor& x, int64_t draws, int64_t channels, double deviation,
                               const torch::Tensor& state, uint32_t stream) {
  const auto shape = std::vector<int64_t>{x.size(0) * draws, x.size(2), x.size(3), channels};
  const auto n = plain_normals(x.size(0) * draws * channels * x.size(2) * x.size(3), state, stream).view(shape);
  const auto repeated = (draws == 1 ? x : x.repeat_interleave(draws, 0)).contiguous(torch::MemoryFormat::ChannelsLast);
  return torch::cat({repeated, (deviation * n).permute({0, 3, 1, 2}).to(x.scalar_type())}, 1)
      .contiguous(torch::MemoryFormat::ChannelsLast);
}

torch::Tensor with_noise(const torch::Tensor& x, int64_t draws, int64_t channels, double deviation,
                         const torch::Tensor& state, uint32_t stream) {
  const auto image = x.detach();
  require(image.dim() == 4 && draws >= 1 && channels >= 1,
          "with_noise: x must be [B, C, H, W], draws and channels 1 or more; got ", image.sizes(), ", ", draws, " and ",
          channels);
  check_state(state, image);
  const auto& forms = forms_for(image);
  if (!forms.with_noise || image.numel() == 0 || !(image.is_contiguous() || is_nhwc(image)))
    return plain_with_noise(image, draws, channels, deviation, state, stream);
  return forms.with_noise(image, draws, channels, deviation, state, stream);
}

}  // namespace monge::nn::ops
