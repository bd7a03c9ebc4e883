// A trained map, ready to use, from whatever holds one.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "monge/core/log.h"
#include "monge/data/column_names.h"
#include "monge/data/standardise.h"
#include "monge/io/tensor_file.h"
#include "monge/nn/module.h"
#include "monge/train/recipe.h"

namespace monge::train {
class Trainer;
}

namespace monge::model {

/// output.range in the units that a model gives its outputs in.
struct OutputLimits {
  torch::Tensor low, high;  ///< float64 [1] or [D], may be infinite
};

/// T with what is needed to feed it.
class Model {
 public:
  std::string origin;               ///< the file or folder it came from
  std::shared_ptr<nn::MapNet> net;  ///< in eval mode, averaged weights where there are any
  std::vector<int64_t> item_shape;  ///< [C,H,W] or [D]; H and W are 0 when any size will do (bare public checkpoints)
  ot::MapNoise noise;               ///< that the net takes beside its input
  ot::Smoothing smoothing;          ///< of the input: the level that the map was trained at last
  std::optional<data::Standardisation> standardisation;  ///< raw inputs are brought to it, outputs brought back from it
  data::ColumnNames columns;            ///< of the tables that it was trained on; inputs have those of the source
  std::optional<OutputLimits> limits;   ///< that outputs are clamped to
  std::optional<train::Recipe> recipe;  ///< unset for bare public checkpoints
  int64_t iteration = 0;                ///< outer iterations trained; 0 when unknown
  torch::Device device = torch::kCPU;

  bool deterministic = false;  ///< all noises at 0, their mean: one output per input

  bool stochastic() const { return !deterministic && (noise.channels > 0 || smoothing.eps > 0); }

  /// The same map between items in standard units, as training and its figures see it; shares the net.
  Model in_standard_units() const;

  /// @throws InputError unless the net takes items of this shape, [C,H,W] or [D].
  void require_takes(torch::IntArrayRef item) const;

  /// T(x, z) for `draws` noises per input.
  /// @param x          [B, ...item], any device; raw, whatever data.standardise was. Images are float32; vectors may be
  /// float64
  ///                   (Source::exact_items), of which a standardisation loses no digits.
  /// @param generator  of the noises, on the CPU.
  /// @return   [B, draws, ...item] on the CPU, clamped to `limits`; float32, with a standardisation float64. A
  /// deterministic map
  ///           gives one draw whatever is asked.
  /// @throws InputError when the shape does not fit the net.
  torch::Tensor translate(const torch::Tensor& x, int64_t draws, torch::Generator generator) const;

  /// The two halves of translate, for callers that batch the draws of several inputs. What the net is fed: x
  /// standardised, smoothed and with its noise beside it, [B*draws, ...], b major. Inputs of bare checkpoints may carry
  /// their noise channels already.
  /// @throws InputError as translate.
  torch::Tensor inputs(const torch::Tensor& x, int64_t draws, torch::Generator generator) const;

  /// Whether items of this shape are such inputs.
  bool carries_noise(torch::IntArrayRef item) const;

  /// The net on what `inputs` gave, the standardisation undone: [N, ...] to [N, ...item] on the CPU, as `translate`
  /// gives it.
  /// @param clamped  if given, the number of values that `limits` changed is added to it.
  torch::Tensor outputs(const torch::Tensor& inputs, int64_t* clamped = nullptr) const;

  /// The names of the columns of outputs, which live in the space of the target: the target's, else the source's. May
  /// be empty.
  const std::vector<std::string>& output_columns() const {
    return columns.target.empty() ? columns.source : columns.target;
  }

  /// Takes a range in raw units ("0..1", see parse_value_range) in the place of the recipe's; empty: none.
  /// @throws InputError for another text, or for a map of images.
  void set_output_range(const std::string& range);
};

/// Loads a map from
///   - a run directory (its newest whole checkpoint) or one checkpoint folder,
///   - a file written by `monge export --to safetensors`,
///   - a file of torch.save or a safetensors file with a state dict of the public codes, whose architecture is read off
///   keys
///     and shapes, however deep it lies in the file; of several maps "FILE?key=NAME" takes one (see
///     public_checkpoint.h).
/// @throws InputError that names the path and says what a model is, or that the file is damaged.
Model load_model(const std::filesystem::path& path, torch::Device device, const LogSink& log);

/// Whether the file is one of export_safetensors, which its metadata say.
bool is_export(const io::TensorFile& file);

/// The averaged map of a training as it is now, between items in the units of its data (standardised with
/// data.standardise); shares its weights.
Model model_of(train::Trainer& trainer);

/// The same map as a user applies it: it takes and gives raw items, as one that is loaded from the run does.
Model usable_model_of(train::Trainer& trainer);

/// Writes the map alone: safetensors (with the recipe in its metadata, so that it loads without anything else; with
/// a content hash that load_model checks, the numbers of its standardisation, and the names of its columns).
void export_safetensors(const Model& model, const std::filesystem::path& path);

/// Writes the map's state dict as torch.save would, under the public codes' keys.
/// @throws InputError for a map with a standardisation, which such a file could not say.
void export_torch(const Model& model, const std::filesystem::path& path);

}  // namespace monge::model
