// Adam or SOAP on the parameters of one net, as one fused call, with clipping and loss scaling. It skips non-finite
// steps.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "monge/nn/module.h"
#include "monge/ot/host_or_device_scalar.h"
#include "monge/solve/flat_parameters.h"
#include "monge/solve/gradient_basis.h"

namespace monge::solve {

using nn::NamedTensors;

struct AdamOptions {
  double beta1 = 0.0, beta2 = 0.9;  ///< in [0, 1)
  double eps = 1e-8;
  double weight_decay = 0.0;  ///< added to the gradient
  double clip = 0.0;          ///< largest gradient norm over all parameters; 0 does not clip
  bool scale_loss = false;    ///< dynamic loss scaling, for fp16
  /// SOAP: runs Adam in a GradientBasis whose covariances decay by this number; unset: plain Adam.
  std::optional<double> basis_decay = {};
};

/// Adam (Kingma & Ba 2015) with bias correction, as torch.optim.Adam computes it. Parameters, gradients and moments are
/// flat: the parameters become views of one tensor, and autograd adds into views of another. The loop therefore
/// allocates nothing, and a step is one pass, whatever the number of layers. With `basis_decay` both moments are those
/// of the gradients in a GradientBasis, and a step takes some products of matrices for each weight.
class Adam {
 public:
  /// @param parameters  at least one; shared with the net, whose memory is replaced. The names are those of `state`.
  Adam(NamedTensors parameters, const AdamOptions& options);

  /// Zeroes the gradients, and drops those of parameters that require none.
  void zero_grad();

  /// Switches the parameters' requires_grad, so that the other net's update computes no gradient for them.
  void require_gradients(bool on);

  /// Directs gradients into this object's memory again, after require_gradients has dropped them, without zeroing them.
  void attach_gradients();

  /// The loss times the loss scale; call backward on the result.
  torch::Tensor scaled(const torch::Tensor& loss) const;

  struct Step {
    torch::Tensor blocked;        ///< float32 scalar: 1 if the loss or the norm was not finite and no step was taken
    torch::Tensor gradient_norm;  ///< scalar, before clipping
  };

  /// Takes one step, unless the loss or the gradient norm is not finite; then parameters and moments do not change.
  /// Does not wait for the device.
  /// @param rate          the learning rate; its tensor, if defined, is float64 on a CPU and float32 on a GPU.
  /// @param of_all_ranks  the summed gradients of all ranks, in the layout of `gradients` (see GradientReducer); null:
  ///                      this rank's gradients.
  Step step(const ot::HostOrDeviceScalar& rate, const torch::Tensor& loss,
            const FlatParameters* of_all_ranks = nullptr);

  /// 0, or NaN where a moment holds a value that is not finite, as a fault of the memory leaves it. It would reach the
  /// parameters with the next step; added to the loss, it blocks that step. Scalar; does not wait for the device.
  torch::Tensor moment_check() const;

  /// Brings the basis of SOAP up to date, see GradientBasis::refresh; nothing for plain Adam.
  void refresh_basis();

  /// Moments, basis, step count and loss scaler under stable names. The tensors share memory with this object.
  NamedTensors state() const;

  const std::vector<torch::Tensor>& parameters() const { return parameters_; }
  const FlatParameters& gradients() const { return gradients_; }

  /// The parameters as one tensor.
  const torch::Tensor& values() const { return values_.whole(); }

 private:
  NamedTensors named_;
  std::vector<torch::Tensor> parameters_;
  FlatParameters values_, gradients_, average_, square_;
  torch::Tensor step_, scale_, growth_, zero_, one_;
  std::optional<GradientBasis> basis_;
  AdamOptions options_;
};

}  // namespace monge::solve
