// The buffers of a net (statistics of batch norm), laid flat so that they are kept and put back in one pass.
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

  /// Remembers them as they are.
  void keep();

  /// Copies, for another `restore` than that of `keep`.
  std::vector<torch::Tensor> copy() const;
  void restore(const std::vector<torch::Tensor>& copies);

  /// The same where `blocked` is above 0, else nothing; decided on the device. Batch norm takes its statistics in the
  /// forward pass, before anyone can know that it overflowed.
  void restore_if(const torch::Tensor& blocked);

  /// Makes them the means over the ranks, but counts; all have the same afterwards.
  void average(dist::ProcessGroup& group);

  /// Takes those of a net of the same architecture.
  void copy_from(const BatchNormBuffers& other);

 private:
  /// Buffers of one type.
  struct Kind {
    std::vector<torch::Tensor> buffers;
    FlatParameters now;
    torch::Tensor kept;
  };
  std::vector<Kind> kinds_;
};

}  // namespace monge::solve
