// The two kinds of network of the semi-dual problem, and their state as the public codes name it.
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "monge/core/error.h"

namespace monge::nn {

struct RankSums;

/// A transport map T, one-to-one or (with noise in the last channels of its input) one-to-many.
class MapNet : public torch::nn::Module {
 public:
  /// @param input  images [B, C + zc, H, W] or vectors [B, D + zd]: the sample, then its noise.
  /// @return       [B, C, H, W] or [B, D].
  /// @throws InputError if the shape does not fit the net.
  virtual torch::Tensor forward(const torch::Tensor& input) = 0;

  /// From here on batch norms in training take mean and variance of all ranks' parts of a batch, as one rank would of
  /// the whole. Nothing for nets without batch norm.
  virtual void synchronise_batch_norm(std::shared_ptr<const RankSums> /*sums*/) {}
};

/// A potential f. It is minimised on mean f(T(x)) - mean f(y), so it becomes high on target samples and low on outputs.
class PotentialNet : public torch::nn::Module {
 public:
  /// @param y      images [B, C, H, W] or vectors [B, D].
  /// @param sigma  noise levels [B] > 0 when the net is conditional(); else undefined.
  /// @return       [B].
  /// @throws InputError if a shape does not fit, or if sigma is missing or not wanted.
  virtual torch::Tensor forward(const torch::Tensor& y, const torch::Tensor& sigma = {}) = 0;

  /// True if the potential is f(y, sigma).
  virtual bool conditional() const { return false; }
};

/// Tensors by name, in an order that matters.
using NamedTensors = std::vector<std::pair<std::string, torch::Tensor>>;

/// Parameters and buffers in the order of PyTorch's state_dict(): per module its parameters, its buffers, its children.
/// The tensors share storage with the module.
NamedTensors state_dict(const torch::nn::Module& module);

/// One reason why a state does not fit the tensors that are to take it.
struct StateFault {
  enum class Kind { missing, unexpected, repeated, shape, type } kind;
  std::string key;
  torch::Tensor wanted, given;  ///< undefined where there is none
};

/// All faults: what is missing or of another shape or type in the order of `wanted`, then what is unexpected, then what
/// is repeated. Empty where every key is there with its shape, and nothing else. A counter may be [] or [1].
std::vector<StateFault> state_faults(const NamedTensors& wanted, const NamedTensors& given);

/// Copies values by name, in the types of `to` and on its devices.
/// @throws InputError made from `misfit`, with the faults as its value; nothing is then changed.
void copy_state(const NamedTensors& to, const NamedTensors& from, Complaint misfit);

/// Copies `state` into the module, as copy_state().
/// @param where  for the message: the file.
/// @throws InputError that lists missing and unexpected keys and wrong shapes or types; the module is then unchanged.
void load_state_dict(torch::nn::Module& module, const NamedTensors& state, const std::string& where);

/// Casts floating-point parameters and buffers, and those alone: Module::to(type) casts BatchNorm's counters as well.
void to_type(torch::nn::Module& module, torch::ScalarType type);

/// Stores convolution weights channels-last, which is the faster layout for the convolutions of images.
void to_channels_last(torch::nn::Module& module);

/// Number of trained values.
int64_t parameter_count(const torch::nn::Module& module);

}  // namespace monge::nn
