// A trained map, ready to use, from whatever holds one.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <torch/types.h>

#include "monge/core/log.h"
#include "monge/nn/module.h"
#include "monge/train/recipe.h"

namespace monge::train {

/// T with what is needed to feed it.
class Model {
 public:
  std::string origin;                 ///< the file or folder it came from
  std::shared_ptr<nn::MapNet> net;    ///< in eval mode, averaged weights where there are any
  std::vector<int64_t> item_shape;    ///< [C,H,W] or [D]; H and W are 0 when any size will do (bare public checkpoints)
  MapNoise noise;
  std::optional<Recipe> recipe;       ///< unset for bare public checkpoints
  int64_t iteration = 0;              ///< outer iterations trained; 0 when unknown
  torch::Device device = torch::kCPU;

  bool stochastic() const { return noise.channels > 0; }

  /// T(x, z) for `draws` noises per input.
  /// @param x  [B, ...item], float32, any device.
  /// @return   [B, draws, ...item] on the CPU; not clamped. A deterministic map gives one draw whatever is asked.
  /// @throws Error when the shape does not fit the net.
  torch::Tensor translate(const torch::Tensor& x, int64_t draws, torch::Generator generator) const;

  /// The same with given noises [B, draws, ...] (undefined for a deterministic map).
  torch::Tensor apply(const torch::Tensor& x, const torch::Tensor& z) const;

  /// Noises for items shaped like x; undefined for a deterministic map.
  torch::Tensor noise_for(const torch::Tensor& x, int64_t draws, torch::Generator generator) const;

  /// Whether x carries its noise channels already, as inputs of bare checkpoints may.
  bool carries_noise(const torch::Tensor& x) const;
};

/// Loads a map from
///   - a run directory (its newest whole checkpoint) or one checkpoint folder,
///   - a file written by `monge export --to safetensors`,
///   - a .pt or .pth state dict of the public codes, whose architecture is read off keys and shapes.
/// @throws Error that names the path and says what a model is, or that the file is damaged.
Model load_model(const std::filesystem::path& path, torch::Device device, const LogSink& log);

class Trainer;

/// The averaged map of a training as it is now; shares its weights.
Model model_of(Trainer& trainer);

/// Writes the map alone: safetensors (with the recipe in its metadata, so that it loads without anything else; with
/// a content hash that load_model checks).
void export_safetensors(const Model& model, const std::filesystem::path& path);

/// Writes the map's state dict as torch.save would, under the public codes' keys.
void export_torch(const Model& model, const std::filesystem::path& path);

}  // namespace monge::train
