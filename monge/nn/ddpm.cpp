#include "monge/nn/ddpm.h"

#include <torch/nn/init.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>

#include "monge/core/error.h"
#include "monge/nn/image_layers.h"
#include "monge/nn/ops/group_norm.h"
#include "monge/nn/ops/upsample_concat.h"
#include "monge/nn/output_bound.h"
#include "monge/nn/pooled_statistics.h"

namespace monge::nn {
namespace {

constexpr int64_t kGroupWidth = 8, kMostGroups = 32;

void check(const DdpmMapOptions& options) {
  const auto in_range = [](const char* key, int64_t value, int64_t least, int64_t most) {
    require(value >= least && value <= most, "DdpmMap: ", key, " = ", value, " (allowed: ", least, "..", most, ")");
  };
  in_range("in", options.in, 1, 4096);
  in_range("out", options.out, 1, 4096);
  in_range("noise", options.noise, 0, 4096);
  in_range("width", options.width, 1, 1024);
  in_range("width_max", options.width_max, 0, 8192);
  in_range("depth", options.depth, 1, 6);
  in_range("blocks", options.blocks, 1, 8);
  check_output_bound(options.output, "DdpmMap");
  require(!options.residual || options.in >= options.out, "DdpmMap: residual adds the first ", options.out,
          " input channels to the output, but there are only ", options.in, "; set residual = false");
}

}  // namespace

ImageSizes image_sizes(const DdpmMapOptions& options) {
  int64_t reach = 2;  // the first and the last convolution
  for (int64_t level = 0; level <= options.depth; ++level) {
    const int64_t pixel = int64_t{1} << level, convolutions = 2 * options.blocks * pixel;
    reach += convolutions;
    if (level < options.depth) reach += pixel + 2 * pixel + convolutions;  // mean, interpolation, the way up
  }
  const int64_t multiple = int64_t{1} << options.depth;
  return {.multiple = multiple, .least = multiple, .reach = reach, .uses_whole_image = true};
}

int64_t ddpm_norm_groups(int64_t channels) {
  return ops::group_count(channels, std::min(kMostGroups, std::max<int64_t>(channels / kGroupWidth, 1)));
}

/// The parameters of a group norm with its activation, under the names of torch::nn::GroupNorm.
class DdpmMap::Norm : public torch::nn::Module {
 public:
  Norm(int64_t channels, const DdpmMapOptions& options)
      : groups_(ddpm_norm_groups(channels)),
        fused_(options.fused),
        gpu_kernels_(options.gpu_kernels),
        weight_(register_parameter("weight", torch::ones({channels}))),
        bias_(register_parameter("bias", torch::zeros({channels}))) {}

  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& scale_BC = {},
                        const torch::Tensor& shift_BC = {}) {
    if (statistics_) {
      const auto y = statistics_->group_norm(this, x, groups_, weight_, bias_, ops::GroupNorm().eps);
      if (!scale_BC.defined()) return torch::silu(y);
      const auto column = [](const torch::Tensor& t_BC) { return t_BC.unsqueeze(2).unsqueeze(3); };
      return torch::silu(y * column(scale_BC + 1) + column(shift_BC));
    }
    const ops::GroupNorm norm{
        .groups = groups_, .weight = weight_, .bias = bias_, .scale_BC = scale_BC, .shift_BC = shift_BC};
    return (x.is_cuda() ? gpu_kernels_ : fused_) ? ops::group_norm(x, norm) : ops::reference_group_norm(x, norm);
  }

  void use(std::shared_ptr<PooledStatistics> statistics) { statistics_ = std::move(statistics); }

 private:
  int64_t groups_;
  bool fused_, gpu_kernels_;
  torch::Tensor weight_, bias_;
  std::shared_ptr<PooledStatistics> statistics_;
};

/// Makes the style of a sample from its noise by two layers with SiLU.
class DdpmMap::Style : public torch::nn::Module {
 public:
  Style(int64_t noise, int64_t width)
      : first_(register_module("first", torch::nn::Linear(noise, width))),
        second_(register_module("second", torch::nn::Linear(width, width))) {}

  torch::Tensor forward(const torch::Tensor& z_BZ) {
    return torch::silu(second_->forward(torch::silu(first_->forward(z_BZ))));
  }

 private:
  torch::nn::Linear first_, second_;
};

class DdpmMap::Block : public torch::nn::Module {
 public:
  /// @param style  width of the style; 0: none.
  Block(int64_t in, int64_t out, int64_t style, const DdpmMapOptions& options)
      : fused_(options.fused),
        norm_0_(register_module("norm_0", std::make_shared<Norm>(in, options))),
        norm_1_(register_module("norm_1", std::make_shared<Norm>(out, options))),
        conv_0_(register_module("conv_0", make_convolution(in, out, 3))),
        conv_1_(register_module("conv_1", make_convolution(out, out, 3))) {
    if (in != out) skip_ = register_module("skip", make_convolution(in, out, 1));
    if (style > 0) modulation_ = register_module("modulation", torch::nn::Linear(style, 2 * out));
  }

  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& style_BS) {
    auto h = convolve(conv_0_, norm_0_->forward(x), fused_);
    if (modulation_) {
      const auto both = modulation_->forward(style_BS).chunk(2, 1);
      h = norm_1_->forward(h, both[0].contiguous(), both[1].contiguous());
    } else {
      h = norm_1_->forward(h);
    }
    h = convolve(conv_1_, h, fused_);
    return mean_branch(h, skip_ ? skip_->forward(x) : x);
  }

 private:
  bool fused_;
  std::shared_ptr<Norm> norm_0_, norm_1_;
  torch::nn::Conv2d conv_0_, conv_1_, skip_{nullptr};
  torch::nn::Linear modulation_{nullptr};
};

/// Self-attention with one head between all pixels: y = (x + project(attend(norm(x)))) / sqrt(2).
class DdpmMap::Attention : public torch::nn::Module {
 public:
  explicit Attention(int64_t channels)
      : groups_(ops::group_count(channels)),
        weight_(register_parameter("weight", torch::ones({channels}))),
        bias_(register_parameter("bias", torch::zeros({channels}))),
        query_key_value_(register_module("query_key_value", torch::nn::Linear(channels, 3 * channels))),
        project_(register_module("project", torch::nn::Linear(channels, channels))) {}

  torch::Tensor forward(const torch::Tensor& x) {
    const auto pixels = [](const torch::Tensor& image) { return image.flatten(2).transpose(1, 2); };  // [B, HW, C]
    const auto normal = statistics_ ? statistics_->group_norm(this, x, groups_, weight_, bias_, ops::GroupNorm().eps)
                                    : torch::group_norm(x, groups_, weight_, bias_);
    auto parts = query_key_value_->forward(pixels(normal)).chunk(3, 2);
    if (statistics_) {
      const auto shared = statistics_->tokens(this, torch::cat({parts[1], parts[2]}, 2)).chunk(2, 2);
      std::copy(shared.begin(), shared.end(), parts.begin() + 1);
    }
    const double scale = 1 / std::sqrt(static_cast<double>(x.size(1)));
    const auto weights = torch::softmax(torch::matmul(parts[0] * scale, parts[1].transpose(1, 2)), 2);
    const auto found = project_->forward(torch::matmul(weights, parts[2])).transpose(1, 2).reshape(x.sizes());
    const auto sum = mean_branch(x, found);
    return x.is_contiguous(torch::MemoryFormat::ChannelsLast) ? sum.contiguous(torch::MemoryFormat::ChannelsLast) : sum;
  }

  void use(std::shared_ptr<PooledStatistics> statistics) { statistics_ = std::move(statistics); }

 private:
  int64_t groups_;
  torch::Tensor weight_, bias_;
  torch::nn::Linear query_key_value_, project_;
  std::shared_ptr<PooledStatistics> statistics_;
};

DdpmMap::DdpmMap(const DdpmMapOptions& options) : options_(options) {
  check(options);
  const auto& o = options_;
  const int64_t most = o.width_max == 0 ? 4 * o.width : std::max(o.width_max, o.width);
  const auto width = [&](int64_t level) { return std::min(o.width << level, most); };
  const bool styled = o.noise > 0 && o.noise_vector;
  const int64_t style = styled ? 4 * o.width : 0;
  if (styled) style_ = register_module("style", std::make_shared<Style>(o.noise, style));
  first_ = register_module("first", make_convolution(o.in + (styled ? 0 : o.noise), width(0), 3));
  const auto add_level = [&](const char* way, int64_t level, int64_t in) {
    std::vector<std::shared_ptr<Block>> blocks;
    for (int64_t i = 0; i < o.blocks; ++i) {
      const auto name = text(way, "_", level, "_", i);
      blocks.push_back(
          register_module(name, std::make_shared<Block>(i == 0 ? in : width(level), width(level), style, o)));
    }
    return blocks;
  };
  for (int64_t level = 0; level <= o.depth; ++level) {
    down_.push_back(add_level("down", level, width(std::max<int64_t>(level - 1, 0))));
  }
  if (o.attention) attention_ = register_module("attention", std::make_shared<Attention>(width(o.depth)));
  for (int64_t level = o.depth - 1; level >= 0; --level) {
    up_.push_back(add_level("up", level, width(level) + width(level + 1)));
  }
  norm_ = register_module("norm", std::make_shared<Norm>(width(0), o));
  last_ = register_module("last", make_convolution(width(0), o.out, 3));
  if (o.zero_last) {
    torch::nn::init::zeros_(last_->weight);
    torch::nn::init::zeros_(last_->bias);
  }
}

void DdpmMap::use_statistics(std::shared_ptr<PooledStatistics> statistics) {
  for (const auto& module : modules(/*include_self=*/false)) {
    if (auto* norm = module->as<Norm>()) norm->use(statistics);
  }
  if (attention_) attention_->use(statistics);
}

torch::Tensor DdpmMap::run_blocks(const std::vector<std::shared_ptr<Block>>& blocks, torch::Tensor x,
                                  const torch::Tensor& style_BS) const {
  for (const auto& block : blocks) x = block->forward(x, style_BS);
  return x;
}

torch::Tensor DdpmMap::forward(const torch::Tensor& input) {
  require(input.dim() == 4 && input.size(1) == options_.in + options_.noise, "DdpmMap: the input must be [B, ",
          options_.in + options_.noise, ", H, W] (colours, then noise channels); got ", input.sizes());
  torch::Tensor style_BS, x = input;
  if (style_) {
    style_BS = style_->forward(input.narrow(1, options_.in, options_.noise).select(3, 0).select(2, 0));
    x = input.narrow(1, 0, options_.in);
    if (input.is_contiguous(torch::MemoryFormat::ChannelsLast)) x = x.contiguous(torch::MemoryFormat::ChannelsLast);
  }
  std::vector<torch::Tensor> skips;
  auto h = first_->forward(x);
  for (size_t level = 0; level < down_.size(); ++level) {
    h = run_blocks(down_[level], level == 0 ? h : halve(h), style_BS);
    skips.push_back(h);
  }
  if (attention_) h = attention_->forward(h);
  for (size_t step = 0; step < up_.size(); ++step) {
    const auto& skip = skips[up_.size() - 1 - step];
    const bool fused = h.is_cuda() ? options_.gpu_kernels : options_.fused;
    h = fused ? ops::upsample_concat(skip, h) : ops::reference_upsample_concat(skip, h);
    h = run_blocks(up_[step], h, style_BS);
  }
  auto y = last_->forward(norm_->forward(h));
  if (options_.residual) y = input.narrow(1, 0, options_.out) + y;
  return bound_output(y, options_.output);
}

}  // namespace monge::nn
