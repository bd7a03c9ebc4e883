#include "monge/nn/unet.h"

#include <torch/nn/init.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/normalization.h>
#include <torch/types.h>

#include <algorithm>

#include "monge/core/error.h"
#include "monge/nn/batch_norm_sums.h"
#include "monge/nn/image_layers.h"
#include "monge/nn/ops/batch_norm_relu.h"
#include "monge/nn/ops/convolution.h"
#include "monge/nn/ops/upsample_concat.h"
#include "monge/nn/output_bound.h"
#include "monge/nn/pooled_statistics.h"

namespace monge::nn {
namespace {

constexpr int64_t least_size = 8;

int64_t group_count(int64_t channels) {
  for (int64_t groups = 8; groups > 1; --groups) {
    if (channels % groups == 0) return groups;
  }
  return 1;
}

/// Halves both sides, except for a side of one pixel.
torch::Tensor pool(const torch::Tensor& x) {
  const bool ceil = x.size(2) < 2 || x.size(3) < 2;
  return torch::max_pool2d(x, {2, 2}, {2, 2}, {0, 0}, {1, 1}, ceil);
}

/// The batch norm module's forward pass, then ReLU.
/// @param shift  the bias that is not yet added to x (BatchNorm::shift), or undefined.
/// @param sums   null: statistics of this process's batch alone. Else `shift` must be undefined.
torch::Tensor normalise(torch::nn::BatchNorm2dImpl& norm, const torch::Tensor& x, bool fused,
                        const torch::Tensor& shift, const RankSums* sums) {
  if (norm.is_training()) norm.num_batches_tracked += 1;
  if (norm.is_training() && sums) {
    return synchronised_batch_norm_relu(x, norm.weight, norm.bias, norm.running_mean, norm.running_var,
                                        norm.options.momentum().value(), norm.options.eps(), *sums);
  }
  const ops::BatchNorm parts{norm.weight,        norm.bias,
                             norm.running_mean,  norm.running_var,
                             norm.is_training(), norm.options.momentum().value(),
                             norm.options.eps(), shift};
  return fused ? ops::batch_norm_relu(x, parts) : ops::reference_batch_norm_relu(x, parts);
}

void check(const UNetOptions& options) {
  const auto in_range = [](const char* key, int64_t value, int64_t least, int64_t most) {
    require(value >= least && value <= most, "UNet: ", key, " = ", value, " (allowed: ", least, "..", most, ")");
  };
  in_range("in", options.in, 1, 4096);
  in_range("out", options.out, 1, 4096);
  in_range("base", options.base, 1, 1024);
  in_range("depth", options.depth, 1, 4);
  in_range("patch", options.patch, 1, 8);
  require(options.norm == "batch" || options.norm == "group", "UNet: norm = \"", options.norm,
          "\" (allowed: batch, group)");
  check_output_bound(options.output, "UNet");
  require(!options.residual || options.in >= options.out, "UNet: residual adds the first ", options.out,
          " input channels to the output, but there are only ", options.in, "; set residual = false");
}

}  // namespace

ImageSizes image_sizes(const UNetOptions& options) {
  int64_t reach = 0;
  for (int64_t level = 0; level <= options.depth; ++level) {
    const int64_t pixel = int64_t{1} << level;  // of this level, in pixels of the first
    const bool deepest = level == options.depth;
    reach += 2 * pixel;                                    // two convolutions on the way down
    if (!deepest) reach += pixel + 2 * pixel + 2 * pixel;  // pooling, interpolation, two convolutions on the way up
  }
  return {.multiple = options.patch << options.depth,
          .least = std::max(least_size, int64_t{1} << options.depth) * options.patch,
          .reach = reach * options.patch,
          .uses_whole_image = options.norm == "group"};
}

/// conv3x3, norm, ReLU, twice; the layers are children 0, 1, 3, 4 of "double_conv".
class UNet::DoubleConv : public torch::nn::Module {
 public:
  DoubleConv(int64_t in, int64_t out, int64_t middle, const UNetOptions& options)
      : fused_(options.fused),
        gpu_kernels_(options.gpu_kernels),
        conv_{make_convolution(in, middle, 3), make_convolution(middle, out, 3)} {
    const auto chain = register_module("double_conv", std::make_shared<torch::nn::Module>());
    const int64_t widths[] = {middle, out};
    for (int i : {0, 1}) {
      chain->register_module(std::to_string(3 * i), conv_[i]);
      if (options.norm == "batch") {
        batch_norm_[i] = chain->register_module(std::to_string(3 * i + 1), torch::nn::BatchNorm2d(widths[i]));
      } else {
        const torch::nn::GroupNormOptions groups(group_count(widths[i]), widths[i]);
        group_norm_[i] = chain->register_module(std::to_string(3 * i + 1), torch::nn::GroupNorm(groups));
      }
    }
  }

  torch::Tensor forward(torch::Tensor x) {
    const bool fused = x.is_cuda() ? gpu_kernels_ : fused_;
    // On a GPU LibTorch adds the bias in a separate pass, at a fraction of the memory's speed.
    const bool apart = fused && x.is_cuda() && batch_norm_[0] && !sums_;
    for (int i : {0, 1}) {
      const auto shift = apart ? conv_[i]->bias : torch::Tensor();
      x = fused ? nn::convolution(x, conv_[i]->weight, apart ? torch::Tensor() : conv_[i]->bias) : conv_[i]->forward(x);
      if (batch_norm_[i]) {
        x = normalise(*batch_norm_[i], x, fused, shift, sums_.get());
      } else if (statistics_) {
        const auto& norm = *group_norm_[i];
        x = statistics_->group_norm(&norm, x, norm.options.num_groups(), norm.weight, norm.bias, norm.options.eps())
                .relu_();
      } else {
        const bool last = x.is_contiguous(torch::MemoryFormat::ChannelsLast);
        x = group_norm_[i]->forward(x).relu_();
        // On a GPU LibTorch's group norm returns another layout, which makes all later layers slow and not
        // reproducible.
        if (last && x.is_cuda()) x = x.contiguous(torch::MemoryFormat::ChannelsLast);
      }
    }
    return x;
  }

  void synchronise(std::shared_ptr<const RankSums> sums) { sums_ = std::move(sums); }
  void use(std::shared_ptr<PooledStatistics> statistics) { statistics_ = std::move(statistics); }

 private:
  std::shared_ptr<const RankSums> sums_;
  std::shared_ptr<PooledStatistics> statistics_;
  bool fused_, gpu_kernels_;
  torch::nn::Conv2d conv_[2];
  torch::nn::BatchNorm2d batch_norm_[2]{{nullptr}, {nullptr}};
  torch::nn::GroupNorm group_norm_[2]{{nullptr}, {nullptr}};
};

UNet::UNet(const UNetOptions& options) : options_(options) {
  check(options);
  const auto width = [&](int64_t level) { return options.base << std::min(level, options.depth - 1); };
  const int64_t area = options.patch * options.patch;
  inc_ = register_module("inc", std::make_shared<DoubleConv>(area * options.in, width(0), width(0), options));
  for (int64_t level = 1; level <= options.depth; ++level) {
    down_.push_back(std::make_shared<DoubleConv>(width(level - 1), width(level), width(level), options));
    const auto down = register_module(text("down", level), std::make_shared<torch::nn::Module>());
    // Child 0 is the pooling, which has no state.
    down->register_module("maxpool_conv", std::make_shared<torch::nn::Module>())->register_module("1", down_.back());
  }
  for (int64_t step = 1; step <= options.depth; ++step) {
    const int64_t level = options.depth - step;
    const int64_t out = width(std::max<int64_t>(level - 1, 0));
    up_.push_back(std::make_shared<DoubleConv>(2 * width(level), out, width(level), options));
    register_module(text("up", step), std::make_shared<torch::nn::Module>())->register_module("conv", up_.back());
  }
  outc_ = make_convolution(width(0), area * options.out, 1);
  register_module("outc", std::make_shared<torch::nn::Module>())->register_module("conv", outc_);
  if (options.zero_last) {
    torch::nn::init::zeros_(outc_->weight);
    torch::nn::init::zeros_(outc_->bias);
  }
}

void UNet::synchronise_batch_norm(std::shared_ptr<const RankSums> sums) {
  inc_->synchronise(sums);
  for (const auto& level : down_) level->synchronise(sums);
  for (const auto& level : up_) level->synchronise(sums);
}

void UNet::use_statistics(std::shared_ptr<PooledStatistics> statistics) {
  inc_->use(statistics);
  for (const auto& level : down_) level->use(statistics);
  for (const auto& level : up_) level->use(statistics);
}

torch::Tensor UNet::forward(const torch::Tensor& input) {
  require(input.dim() == 4 && input.size(1) == options_.in, "UNet: the input must be [B, ", options_.in,
          ", H, W] (colours, then noise channels); got ", input.sizes());
  const int64_t patch = options_.patch;
  require(input.size(2) >= least_size * patch && input.size(3) >= least_size * patch, "UNet: images must be at least ",
          least_size * patch, " pixels high and wide; got ", input.sizes());
  require(input.size(2) % patch == 0 && input.size(3) % patch == 0, "UNet: with patch = ", patch,
          ", height and width must be multiples of it; got ", input.sizes());

  std::vector<torch::Tensor> skips = {inc_->forward(patch == 1 ? input : torch::pixel_unshuffle(input, patch))};
  for (const auto& down : down_) {
    const auto pooled = pool(skips.back());
    require(options_.norm != "batch" || !is_training() || pooled.size(0) * pooled.size(2) * pooled.size(3) != 1,
            "UNet: batch normalisation cannot train on the single pixel that one image of ", input.size(2), " x ",
            input.size(3), " leaves at the deepest level; use train.batch = 2 or more, or norm = \"group\"");
    skips.push_back(down->forward(pooled));
  }
  auto y = skips.back();
  for (size_t step = 0; step < up_.size(); ++step) {
    const auto& skip = skips[up_.size() - 1 - step];
    const bool fused = y.is_cuda() ? options_.gpu_kernels : options_.fused;
    y = up_[step]->forward(fused ? ops::upsample_concat(skip, y) : ops::reference_upsample_concat(skip, y));
  }
  y = outc_->forward(y);
  if (patch > 1) y = torch::pixel_shuffle(y, patch);
  if (options_.residual) y = input.narrow(1, 0, options_.out) + y;
  return bound_output(y, options_.output);
}

}  // namespace monge::nn
