// What the layers of a net that look at a whole image know of it, shared by its parts, so that the parts fit together.
#pragma once

#include <torch/types.h>

#include <map>

namespace monge::nn {

/// A group norm normalises each sample by its own mean and variance. If an image passes a net in parts, each part gets
/// other statistics, and their outputs differ in brightness and colour. So samples of the parts pass the net in batches
/// first. Each norm normalises a batch by its statistics over the whole batch, and records their mean over the batches;
/// then it applies these to all parts. Likewise attention records what the pixels of the batches offer, and then each
/// part attends to that. See MapNet::use_statistics.
class PooledStatistics {
 public:
  /// @param margin_y, margin_x  fractions of height and width, in [0, 0.5), that are not measured at either end: there
  ///                            a part of an image differs from the image, because a net pads it with zeros.
  explicit PooledStatistics(double margin_y = 0, double margin_x = 0) : margin_y_(margin_y), margin_x_(margin_x) {}

  /// Ends the recording: from now on the recorded statistics are applied.
  void apply() { applies_ = true; }

  /// Records the statistics of x over batch, pixels and the channels of each group and normalises by them, or by the
  /// recorded ones.
  /// @param norm          identifies the layer.
  /// @param x             [B, C, H, W].
  /// @param weight, bias  of the layer, [C].
  /// @return              x normalised, times weight plus bias, in the type and layout of x.
  /// @throws InputError for a layer that has recorded nothing.
  torch::Tensor group_norm(const void* norm, const torch::Tensor& x, int64_t groups, const torch::Tensor& weight,
                           const torch::Tensor& bias, double eps);

  /// Records what attention attends to, the keys and values of the pixels of a batch, or takes what was recorded.
  /// @param layer       identifies the layer.
  /// @param tokens_BNC  of N pixels of B samples.
  /// @return            [1, M, C]: up to 512 pixels of the batch, scattered over all of it; or those of all recorded
  /// batches.
  /// @throws InputError for a layer that has recorded nothing.
  torch::Tensor tokens(const void* layer, const torch::Tensor& tokens_BNC);

 private:
  /// Mean and variance of each group by channel, [C] float32, and the number of batches that they were averaged over.
  struct Moments {
    torch::Tensor mean_C, variance_C;
    int64_t batches = 0;

    void add(const Moments& more);
  };
  Moments measured(const torch::Tensor& x, int64_t groups) const;

  double margin_y_, margin_x_;
  bool applies_ = false;
  std::map<const void*, Moments> recorded_;
  std::map<const void*, torch::Tensor> tokens_;
};

}  // namespace monge::nn
