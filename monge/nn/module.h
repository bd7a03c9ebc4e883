// The two kinds of network of the semi-dual problem, and their states under the names of the public codes.
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "monge/core/error.h"

namespace monge::nn {

class PooledStatistics;
struct RankSums;

/// A transport map T: deterministic, or stochastic with noise in the last channels of its input.
class MapNet : public torch::nn::Module {
 public:
  /// @param input  images [B, C + zc, H, W] or vectors [B, D + zd]: the sample, then its noise.
  /// @return       [B, C, H, W] or [B, D].
  /// @throws InputError if the shape does not fit the net.
  virtual torch::Tensor forward(const torch::Tensor& input) = 0;

  /// Makes batch norms in training mode take mean and variance over the parts of a batch on all ranks, as a single rank
  /// would over the whole batch. Has no effect on nets without batch norm.
  virtual void synchronise_batch_norm(std::shared_ptr<const RankSums> /*sums*/) {}

  /// Makes group norms and attention record what they find in batches and apply it to others, see pooled_statistics.h;
  /// null: each sample by itself again. For use without gradients. Has no effect on nets without either.
  virtual void use_statistics(std::shared_ptr<PooledStatistics> /*statistics*/) {}
};

/// A potential on vectors y [B, D], and its gradient.
struct ValueAndGradient {
  torch::Tensor value_B, gradient_BD;
};

/// A potential f. It is minimised on mean f(T(x)) - mean f(y), so it becomes high on target samples and low on outputs.
class PotentialNet : public torch::nn::Module {
 public:
  /// @param y      images [B, C, H, W] or vectors [B, D].
  /// @param sigma  noise levels [B] > 0 if the net is conditional(); else undefined.
  /// @return       [B].
  /// @throws InputError if a shape does not fit, or if sigma is missing or unexpected.
  virtual torch::Tensor forward(const torch::Tensor& y, const torch::Tensor& sigma = {}) = 0;

  /// True if the potential is f(y, sigma).
  virtual bool conditional() const { return false; }

  /// f(y) and grad_y f(y) of vectors; differentiable in y and in the parameters. It records no graph of its own, so
  /// that it also runs where none can be recorded.
  /// @throws InputError for a net that does not compute it; see has_gradient.
  virtual ValueAndGradient value_and_gradient(const torch::Tensor& y);

  /// Whether value_and_gradient is computed, so that the net can make a gradient map.
  virtual bool has_gradient() const { return false; }
};

/// Tensors with names; the order is significant.
using NamedTensors = std::vector<std::pair<std::string, torch::Tensor>>;

/// Parameters and buffers in the order of PyTorch's state_dict(): for each module its parameters, its buffers, then its
/// children. The tensors share storage with the module.
NamedTensors state_dict(const torch::nn::Module& module);

/// One reason why a state does not fit the tensors that it is to be copied into.
struct StateFault {
  enum class Kind { missing, unexpected, repeated, shape, type } kind;
  std::string key;
  torch::Tensor wanted, given;  ///< undefined if there is no such tensor
};

/// All faults: first the tensors that are missing or have another shape or type, in the order of `wanted`, then the
/// unexpected ones, then the repeated ones. Empty if `given` has exactly the wanted keys with their shapes. A counter
/// may be [] or [1].
std::vector<StateFault> state_faults(const NamedTensors& wanted, const NamedTensors& given);

/// Copies values by name, into the types and devices of `to`.
/// @throws InputError made from `misfit`, with the faults as its value; `to` is then unchanged.
void copy_state(const NamedTensors& to, const NamedTensors& from, Complaint misfit);

/// Copies `state` into the module, as copy_state() does.
/// @param where  the file, for the message.
/// @throws InputError that lists missing and unexpected keys and wrong shapes or types; the module is then unchanged.
void load_state_dict(torch::nn::Module& module, const NamedTensors& state, const std::string& where);

/// Casts floating-point parameters and buffers only. (Module::to(type) would cast BatchNorm's counters as well.)
void to_type(torch::nn::Module& module, torch::ScalarType type);

/// Stores convolution weights channels-last, which is the faster layout for the convolutions of images.
void to_channels_last(torch::nn::Module& module);

/// The number of values of all parameters.
int64_t parameter_count(const torch::nn::Module& module);

}  // namespace monge::nn
