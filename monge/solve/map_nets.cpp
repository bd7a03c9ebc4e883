#include "monge/solve/map_nets.h"

#include <algorithm>
#include <cmath>

#include "monge/nn/unet.h"
#include "monge/solve/mlp_section.h"
#include "monge/solve/options.h"

namespace monge::solve {
namespace {

std::shared_ptr<nn::MapNet> make_unet(const NetContext& context) {
  const auto& m = context.options.map;
  const int64_t channels = context.item_shape.at(0);
  nn::UNetOptions options{.in = channels + context.noise_channels,
                          .out = channels,
                          .norm = m.norm,
                          .output = m.output,
                          .residual = m.residual,
                          .patch = m.patch,
                          .fused = context.options.train.fused,
                          .gpu_kernels = context.options.train.gpu_kernels,
                          .zero_last = m.zero_last};
  if (m.width != 0) options.base = m.width;
  if (m.depth != 0) options.depth = m.depth;
  return std::make_shared<nn::UNet>(options);
}

std::shared_ptr<nn::MapNet> make_mlp_map(const NetContext& context) {
  const auto& m = context.options.map;
  const int64_t entries = context.item_shape.at(0);
  return std::make_shared<nn::MlpMap>(nn::MlpMapOptions{.in = entries + context.noise_channels,
                                                        .out = entries,
                                                        .mlp = mlp_options(m, context.options.train.fused),
                                                        .residual = m.residual});
}

/// [map] and the shape in double. Defaults (0) count as little as they could be.
struct Sizes {
  explicit Sizes(const NetContext& context)
      : out(static_cast<double>(context.item_shape.at(0))),
        in(out + static_cast<double>(context.noise_channels)),
        width(static_cast<double>(std::max<int64_t>(context.options.map.width, 1))),
        depth(static_cast<double>(context.options.map.depth == 0 ? 2 : context.options.map.depth)) {}

  double out, in, width, depth;
};

/// The first and the last convolution and one of the deepest.
double least_unet_values(const NetContext& context) {
  const Sizes s(context);
  const int64_t patch = context.options.map.patch;
  const double area = static_cast<double>(patch * patch), deepest = s.width * std::exp2(s.depth - 1);
  return 9 * s.width * s.in * area + 9 * deepest * deepest + s.width * s.out * area;
}

/// All matrices.
double least_mlp_values(const NetContext& context) {
  const Sizes s(context);
  return s.width * (s.in + (s.depth - 1) * s.width + s.out);
}

}  // namespace

NetEntry<nn::MapNet> unet_entry() {
  return {.help = "the U-shaped net of the public codes",
          .data = DataKind::images,
          .make = make_unet,
          .least_values = least_unet_values};
}

NetEntry<nn::MapNet> mlp_map_entry() {
  return {.help = "a chain of linear layers",
          .data = DataKind::vectors,
          .make = make_mlp_map,
          .least_values = least_mlp_values};
}

}  // namespace monge::solve
