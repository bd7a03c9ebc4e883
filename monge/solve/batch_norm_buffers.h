// The buffers of a net (the running statistics of its batch norms) in one flat tensor, saved and restored in one pass.
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <vector>

#include "monge/dist/process_group.h"
#include "monge/solve/flat_parameters.h"

namespace monge::solve {

class BatchNormBuffers {
 public:
  BatchNormBuffers() = default;
  /// Replaces the memory of the net's buffers. The net must outlive this object.
  explicit BatchNormBuffers(torch::nn::Module& net);

  /// Saves the current values for `restore_if`.
  void keep();

  /// Copies of the current values for `restore`, independent of `keep`.
  std::vector<torch::Tensor> copy() const;
  void restore(const std::vector<torch::Tensor>& copies);

  /// Restores the values that `keep` saved if `blocked` is above 0, else changes nothing; the device decides. Batch
  /// norm updates its statistics in the forward pass, before an overflow can be known.
  void restore_if(const torch::Tensor& blocked);

  /// Replaces the floating-point buffers by their means over the ranks; all ranks then have the same. Integer counts
  /// are left alone.
  void average(dist::ProcessGroup& group);

  /// Copies the buffers of another net of the same architecture.
  void copy_from(const BatchNormBuffers& other);

 private:
  /// The buffers of one scalar type.
  struct Kind {
    std::vector<torch::Tensor> buffers;
    FlatParameters now;
    torch::Tensor kept;
  };
  std::vector<Kind> kinds_;
};

}  // namespace monge::solve
