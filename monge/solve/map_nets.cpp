#include "monge/solve/map_nets.h"

#include <algorithm>
#include <cmath>

#include "monge/nn/ddpm.h"
#include "monge/nn/unet.h"
#include "monge/solve/mlp_section.h"
#include "monge/solve/no_patches.h"
#include "monge/solve/options.h"

namespace monge::solve {
namespace {

nn::UNetOptions unet_options(const NetContext& context) {
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
  return options;
}

/// [ddpm]
struct DdpmSection {
  static constexpr const char* kSection = "ddpm";
  static constexpr const char* kHelp = "Map net ddpm, beside [map]";

  int64_t blocks = 1;
  int64_t width_max = 0;
  bool attention = true;

  void describe(OptionRows& rows) {
    rows.on_resume(OnResume::fixed, "changes the network");
    rows.add("blocks", blocks, "residual blocks of a level, on each way").range(1, 8);
    rows.add("width_max", width_max, "largest width of a level (0: 4 * map.width)").range(0, 8192);
    rows.add("attention", attention, "self-attention between the pixels of the coarsest level");
  }
};

nn::DdpmMapOptions ddpm_options(const NetContext& context) {
  const auto& m = context.options.map;
  const auto& own = context.options.section<DdpmSection>();
  const int64_t channels = context.item_shape.at(0);
  require_no_patches(m.patch, "map.patch");
  nn::DdpmMapOptions options{.in = channels,
                             .out = channels,
                             .noise = context.noise_channels,
                             .noise_vector = context.noise_vector,
                             .width_max = own.width_max,
                             .blocks = own.blocks,
                             .attention = own.attention,
                             .residual = m.residual,
                             .output = m.output,
                             .zero_last = m.zero_last,
                             .fused = context.options.train.fused,
                             .gpu_kernels = context.options.train.gpu_kernels};
  if (m.width != 0) options.width = m.width;
  if (m.depth != 0) options.depth = m.depth;
  return options;
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

/// The first convolution and the second one of the deepest level.
double least_ddpm_values(const NetContext& context) {
  const auto& m = context.options.map;
  const double width = static_cast<double>(std::max<int64_t>(m.width, 1));
  const double most = static_cast<double>(context.options.section<DdpmSection>().width_max);
  const double deepest = std::min(width * std::exp2(static_cast<double>(m.depth == 0 ? 3 : m.depth)),
                                  most == 0 ? 4 * width : std::max(most, width));
  return 9 * width * static_cast<double>(context.item_shape.at(0)) + 9 * deepest * deepest;
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
          .make = [](const NetContext& context) { return std::make_shared<nn::UNet>(unet_options(context)); },
          .least_values = least_unet_values,
          .image_sizes = [](const NetContext& context) { return nn::image_sizes(unet_options(context)); }};
}

NetEntry<nn::MapNet> ddpm_entry() {
  return {.help = "the residual U-net of denoising diffusion, whose noise enters as a style",
          .data = DataKind::images,
          .make = [](const NetContext& context) { return std::make_shared<nn::DdpmMap>(ddpm_options(context)); },
          .options = OptionSection(DdpmSection{}),
          .least_values = least_ddpm_values,
          .image_sizes = [](const NetContext& context) { return nn::image_sizes(ddpm_options(context)); }};
}

NetEntry<nn::MapNet> mlp_map_entry() {
  return {.help = "a chain of linear layers",
          .data = DataKind::vectors,
          .make = make_mlp_map,
          .least_values = least_mlp_values};
}

}  // namespace monge::solve
