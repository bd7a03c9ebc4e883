// Adam on the parameters of one net, as one fused call, with clipping, loss scaling and a guard that lets nothing
// non-finite through.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "monge/nn/module.h"
#include "monge/ot/host_or_device_scalar.h"
#include "monge/solve/flat_parameters.h"

namespace monge::solve {

using nn::NamedTensors;

struct AdamOptions {
  double beta1 = 0.0, beta2 = 0.9;  ///< in [0, 1)
  double eps = 1e-8;
  double weight_decay = 0.0;  ///< added to the gradient
  double clip = 0.0;          ///< largest gradient norm over all parameters; 0 does not clip
  bool scale_loss = false;    ///< dynamic loss scaling, for fp16
};

/// Adam (Kingma & Ba 2015) with bias correction, as torch.optim.Adam computes it. Parameters, gradients and moments lie
/// flat: the parameters become views of one tensor and autograd adds into views of another, so that nothing is
/// allocated in the loop and a step is one pass, whatever the number of layers.
class Adam {
 public:
  /// @param parameters  shared with the net; named for the state. Their memory is replaced.
  Adam(NamedTensors parameters, const AdamOptions& options);

  /// Zeroes the gradients; those of parameters that require none are dropped.
  void zero_grad();

  /// Switches the parameters' requires_grad, so that the other net's update computes no gradient for them.
  void require_gradients(bool on);

  /// loss times the loss scale; call backward on the result.
  torch::Tensor scaled(const torch::Tensor& loss) const;

  struct Step {
    torch::Tensor blocked;        ///< float32 scalar, 1 when the step was not taken because something was not finite
    torch::Tensor gradient_norm;  ///< scalar, before clipping
  };

  /// Takes one step unless the loss or the gradient's norm is not finite; then parameters and state stay as they are.
  /// Nothing here waits for the device.
  /// @param rate  the learning rate; its tensor, where it has one, is float64 on a CPU and float32 on a GPU.
  /// @param of_all_ranks  in place of this rank's gradients, in their layout (see GradientReducer).
  Step step(const ot::HostOrDeviceScalar& rate, const torch::Tensor& loss,
            const FlatParameters* of_all_ranks = nullptr);

  /// Moments, step count and scaler under stable names, sharing memory with this object.
  NamedTensors state() const;

  const std::vector<torch::Tensor>& parameters() const { return parameters_; }
  const FlatParameters& gradients() const { return gradients_; }

  /// The parameters as one tensor.
  const torch::Tensor& values() const { return values_.whole(); }

 private:
  NamedTensors named_;
  std::vector<torch::Tensor> parameters_;
  FlatParameters values_, gradients_, average_, square_;
  torch::Tensor step_, scale_, growth_, no_, yes_;
  AdamOptions options_;
};

}  // namespace monge::solve
