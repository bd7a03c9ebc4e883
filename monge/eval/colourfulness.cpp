#include "monge/eval/colourfulness.h"

#include <torch/types.h>

#include "monge/core/error.h"

namespace monge::eval {

double colourfulness(const torch::Tensor& images) {
  require(images.dim() == 4 && images.size(1) == 3 && images.numel() > 0,
          "colourfulness: images must be [B, 3, H, W] RGB; got ", images.sizes());
  const auto pixels_B3N = (images.detach().flatten(2).to(torch::kFloat64).clamp(-1, 1) + 1) * 127.5;
  const auto red = pixels_B3N.select(1, 0), green = pixels_B3N.select(1, 1), blue = pixels_B3N.select(1, 2);
  const auto rg = red - green, yb = (red + green) / 2 - blue;
  const auto spread_B = (rg.var(1, /*unbiased=*/false) + yb.var(1, /*unbiased=*/false)).sqrt();
  const auto shift_B = (rg.mean(1).square() + yb.mean(1).square()).sqrt();
  return (spread_B + 0.3 * shift_B).mean().item<double>();
}

}  // namespace monge::eval
