#include "monge/nn/pooled_statistics.h"

#include <algorithm>
#include <vector>

#include "monge/core/error.h"

namespace monge::nn {

namespace {

/// x without a fraction at either end of an axis.
torch::Tensor without_margin(const torch::Tensor& x, int64_t dim, double margin) {
  const auto cut = static_cast<int64_t>(margin * static_cast<double>(x.size(dim)));
  return x.narrow(dim, cut, x.size(dim) - 2 * cut);
}

}  // namespace

PooledStatistics::Moments PooledStatistics::measured(const torch::Tensor& x, int64_t groups) const {
  const std::vector<int64_t> all_but_channels{0, 2, 3};
  const auto wide = without_margin(without_margin(x, 2, margin_y_), 3, margin_x_).to(torch::kFloat32);
  const auto mean_C = wide.mean(all_but_channels);
  const auto variance_C = (wide - mean_C.view({1, -1, 1, 1})).square_().mean(all_but_channels);
  // The variance of a group is the mean of its channels' variances and the variance of their means.
  const auto mean_G = mean_C.view({groups, -1}).mean(1, /*keepdim=*/true);
  const auto variance_G = (variance_C.view({groups, -1}) + (mean_C.view({groups, -1}) - mean_G).square()).mean(1, true);
  const int64_t width = x.size(1) / groups;
  const auto by_channel = [&](const torch::Tensor& of_group) { return of_group.expand({groups, width}).flatten(); };
  return {by_channel(mean_G), by_channel(variance_G), 1};
}

/// Pools batches of one size: the variance of all is the mean of theirs and the variance of their means.
void PooledStatistics::Moments::add(const Moments& more) {
  if (batches == 0) {
    *this = more;
    return;
  }
  const double part = 1.0 / static_cast<double>(++batches);
  const auto step_C = more.mean_C - mean_C;
  variance_C = variance_C + part * (more.variance_C - variance_C) + part * (1 - part) * step_C.square();
  mean_C = mean_C + part * step_C;
}

torch::Tensor PooledStatistics::group_norm(const void* norm, const torch::Tensor& x, int64_t groups,
                                           const torch::Tensor& weight, const torch::Tensor& bias, double eps) {
  Moments moments;
  if (applies_) {
    const auto found = recorded_.find(norm);
    require(found != recorded_.end(), "a group norm has no recorded statistics to apply");
    moments = found->second;
  } else {
    moments = measured(x, groups);
    recorded_[norm].add(moments);
  }
  const auto scale_C = weight.to(torch::kFloat32) * torch::rsqrt(moments.variance_C + eps),
             shift_C = bias.to(torch::kFloat32) - moments.mean_C * scale_C;
  const auto as_x = [&](const torch::Tensor& of_channel) { return of_channel.view({1, -1, 1, 1}).to(x.scalar_type()); };
  const auto y = torch::addcmul(as_x(shift_C), x, as_x(scale_C));
  return x.is_contiguous(torch::MemoryFormat::ChannelsLast) ? y.contiguous(torch::MemoryFormat::ChannelsLast) : y;
}

torch::Tensor PooledStatistics::tokens(const void* layer, const torch::Tensor& tokens_BNC) {
  const auto found = tokens_.find(layer);
  if (applies_) {
    require(found != tokens_.end(), "attention has recorded nothing to attend to");
    return found->second;
  }
  constexpr int64_t kMost = 512;
  const auto all_NC = tokens_BNC.flatten(0, 1);
  const int64_t count = all_NC.size(0), kept = std::min(count, kMost);
  // Steps of a fixed odd number, a large prime, meet the columns of an image evenly, where even steps would meet a few.
  constexpr int64_t kStep = 1'000'003;
  const auto index = (torch::arange(kept, torch::dtype(torch::kInt64)) * kStep).remainder(count).to(all_NC.device());
  const auto own = all_NC.index_select(0, index).unsqueeze(0);
  if (found == tokens_.end()) {
    tokens_[layer] = own;
  } else {
    found->second = torch::cat({found->second, own}, 1);
  }
  return own;
}

}  // namespace monge::nn
