// A trained map, ready to use, from any file or folder that holds one.
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
#include "monge/model/evaluation_record.h"
#include "monge/model/sample_weights.h"
#include "monge/nn/image_sizes.h"
#include "monge/nn/module.h"
#include "monge/train/recipe.h"

namespace monge::train {
class Trainer;
}

namespace monge::model {

/// output.range in the units of a model's outputs.
struct OutputLimits {
  torch::Tensor low, high;  ///< float64 [1] or [D], may be infinite
};

/// The map T with everything that is needed to apply it.
class Model {
 public:
  std::string origin;               ///< the file or folder from which it was loaded
  std::shared_ptr<nn::MapNet> net;  ///< in eval mode, with averaged weights if there are any
  /// The map of the reversed problem, see inverse(); null unless it was trained with train.directions = "both".
  std::shared_ptr<nn::MapNet> inverse_net = {};
  std::vector<int64_t> item_shape;  ///< [C,H,W] or [D]; H and W are 0 if any size fits (a state dict without a recipe)
  /// The other heights and widths that the net takes, see at_any_size; unset if it takes only those of item_shape.
  std::optional<nn::ImageSizes> sizes;
  ot::MapNoise noise;       ///< the noise that the net takes beside its input
  ot::Smoothing smoothing;  ///< the noise level of the input at the last iteration of training
  std::optional<data::Standardisation> standardisation;  ///< applied to raw inputs, and undone on outputs
  data::ColumnNames columns;            ///< those of the tables that it was trained on; inputs have the source's
  std::optional<OutputLimits> limits;   ///< the range to which outputs are clamped
  std::optional<train::Recipe> recipe;  ///< unset for a state dict of the public codes
  int64_t iteration = 0;                ///< outer iterations trained; 0 when unknown
  std::optional<EvaluationRecord> evaluation = {};  ///< of the map that is not reversed; unset for a run directory
  torch::Device device = torch::kCPU;
  torch::Device output_device = torch::kCPU;  ///< on which outputs lie: the CPU, or `device`

  /// The weights of samples of an unbalanced problem, in the units of the nets; unset if all are 1.
  std::optional<SampleWeights> sample_weights = {};
  bool reversed = false;  ///< whether this is the inverse() of a model, whose inputs are the target's samples

  bool deterministic = false;  ///< sets all noises to 0, their mean, so that there is one output per input
  double noise_scale = 1;      ///< factor of the noise level; set it by set_noise_scale

  /// The level of the noise that makes outputs differ, as in training: the level eps of the smoothing, else the
  /// standard deviation of z. Unset without noise, and for method light, whose plan has no level that could be scaled.
  std::optional<double> noise_level() const;

  /// Multiplies the level of the noise in `inputs` by `scale`, which replaces an earlier one. At 1 outputs have the
  /// distribution that was learned; below it they differ less, above it more, at points on which the map was not
  /// trained.
  /// @throws InputError unless it takes the scale.
  void set_noise_scale(double scale);

  /// Any map takes 1; one with a noise_level takes 0 to most_noise_scale().
  bool takes_noise_scale(double scale) const;

  /// 4, or less for a smoothing of kind vp, whose level cannot exceed 1; 1 without a noise_level.
  double most_noise_scale() const;

  /// Whether several outputs per input differ.
  bool stochastic() const { return !deterministic && (noise.channels > 0 || smoothing.eps > 0); }

  /// The variance e of the bridges of a plan by method light, in the square of the net's unit: the point at time t
  /// between x and y is (1 - t) x + t y + sqrt(e t (1 - t)) n with a standard normal n. 0 for other methods, whose
  /// points lie on straight lines, and with `deterministic`.
  double bridge_variance() const;

  /// The map back, from the target's items to the source's, with the units and column names of the two sides exchanged
  /// and without an output range. It shares the nets, and its own inverse is this map (without its output range).
  /// @throws InputError for a model that was trained in one direction.
  Model inverse() const;

  /// The same map between items in standard units, as training and its metrics use it. It shares the net.
  Model in_standard_units() const;

  /// The same map for images of any height and width: item_shape is [C,0,0]. It shares the net. Use outputs_in_tiles
  /// (tiles.h) for images that `sizes` does not allow, or that are large.
  /// @throws InputError if the net takes no other size.
  Model at_any_size() const;

  /// @throws InputError unless the net takes items of this shape, [C,H,W] or [D].
  void require_takes(torch::IntArrayRef item) const;

  /// T(x, z) for several noises z per input.
  /// @param x          [B, ...item] on any device; raw, for every data.standardise. Images are float32. Vectors may be
  ///                   float64 (Source::exact_items), and then a standardisation loses no digits.
  /// @param samples    outputs per input; a deterministic map returns one in any case.
  /// @param generator  draws the noises, on the CPU.
  /// @param weights    if given, receives the weights of the inputs, [B], as `outputs` computes them; the mean over the
  ///                   samples of an input.
  /// @return [B, samples, ...item] on output_device, clamped to `limits`; float32, or float64 with a standardisation.
  /// @throws InputError when the shape does not fit the net.
  torch::Tensor translate(const torch::Tensor& x, int64_t samples, torch::Generator generator,
                          torch::Tensor* weights = nullptr) const;

  /// The first half of translate, for callers that put several inputs into one batch: the input of the net, which is x
  /// standardised, smoothed and with its noise beside it. The inputs of a state dict without a recipe may carry their
  /// noise channels already; they are returned unchanged.
  /// @return [B*samples, ...] on the device of x, with all samples of an input next to each other.
  /// @throws InputError as translate.
  torch::Tensor inputs(const torch::Tensor& x, int64_t samples, torch::Generator generator) const;

  /// Whether items of this shape carry their noise channels.
  bool carries_noise(torch::IntArrayRef item) const;

  /// The second half of translate: applies the net to the result of `inputs`, undoes the standardisation and clamps.
  /// @param inputs   [N, ...], as `inputs` returns them.
  /// @param clamped  if given, the number of values that `limits` changed is added to it.
  /// @param weights  if given, receives the weights of the inputs in the source's marginal, [N] (see SampleWeights);
  ///                 ones unless the problem is unbalanced. Not for a reversed model, see input_weights.
  /// @return [N, ...item] on output_device, of the type that translate returns.
  torch::Tensor outputs(const torch::Tensor& inputs, int64_t* clamped = nullptr,
                        torch::Tensor* weights = nullptr) const;

  /// The weights of the inputs in the marginal of their side, [B]: for a reversed model those of target samples, which
  /// need no output, else the mean of `of_outputs` over the samples of an input.
  /// @param x           raw items [B, ...item].
  /// @param of_outputs  [B * samples], from `outputs`; undefined for a reversed model.
  torch::Tensor input_weights(const torch::Tensor& x, const torch::Tensor& of_outputs) const;

  /// The names of the columns of outputs: the target's, else the source's. May be empty.
  const std::vector<std::string>& output_columns() const {
    return columns.target.empty() ? columns.source : columns.target;
  }

  /// Sets `limits` to a range in raw units ("0..1", see parse_value_range); an empty text removes them.
  /// @throws InputError for any other text, or for a map of images.
  void set_output_range(const std::string& range);
};

/// Loads a map from
///
///   - a run directory (its newest whole checkpoint) or one checkpoint folder,
///   - a file written by `monge export --to safetensors`,
///   - a file of torch.save or a safetensors file that holds a state dict of the public codes at any depth. Its keys
///     and shapes define the architecture. If there are several maps, "FILE?key=NAME" chooses one (see
///     public_checkpoint.h),
///   - the name of a pretrained model, if there is no file of this name (see resolve_model in pretrained.h).
///
/// @throws InputError that names the path and the accepted kinds of models, or says that the file is damaged.
Model load_model(const std::filesystem::path& path, torch::Device device, const LogSink& log);

/// Whether export_safetensors wrote the file, by its metadata.
bool is_export(const io::TensorFile& file);

/// The averaged map of a training in its present state, between items in the units of its data (standardised with
/// data.standardise). It shares the weights.
Model model_of(train::Trainer& trainer);

/// The same map between raw items, as a user applies it and as load_model loads it from the run.
Model raw_model_of(train::Trainer& trainer);

/// Writes the map alone to a safetensors file. The file also holds the recipe, so that it loads without any other file,
/// a content hash that load_model checks, the numbers of the standardisation, the names of the columns, and the record
/// of an evaluation if the model has one.
/// @throws InputError for a map without a recipe; SystemError when the file cannot be written.
void export_safetensors(const Model& model, const std::filesystem::path& path);

/// Writes the map's state dict as torch.save would, with the keys of the public codes; without the inverse map.
/// @throws InputError for a map with a standardisation, which such a file cannot hold.
void export_torch(const Model& model, const std::filesystem::path& path);

}  // namespace monge::model
