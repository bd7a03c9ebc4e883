// Applies a map to files. The output is of the same kind as the input.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "monge/core/image_size.h"
#include "monge/model/model.h"
#include "monge/session/compute.h"
#include "monge/session/hooks.h"

namespace monge::session {

/// Values that the file of a map without a recipe (a state dict of the public codes) does not contain.
struct StateDictOptions {
  ImageSize size = 0;  ///< to which images are cropped and resized, in pixels; 0: each keeps its own size
  double z_std = 0;    ///< standard deviation of the noise; 0: 0.1, as in the public codes
};

/// Sets the noise of `model` by the options, and checks that `size` fits it; the options may be applied repeatedly.
/// @throws InputError naming the option that does not fit the model. The recipe of a model defines its noise and its
///         size, and a map of vectors has no size.
void apply_state_dict_options(const StateDictOptions& options, model::Model& model);

struct TranslateOptions {
  int64_t samples = 1;         ///< outputs per input, for maps with noise; [1, 1024]
  bool deterministic = false;  ///< set all noises to zero, so that there is one output per input
  double noise_scale = 1;      ///< factor of the noise level, see Model::set_noise_scale; 0: as `deterministic`
  int64_t seed = 0;            ///< seed of the noises; the same seed and item name give the same outputs
  /// The outputs are (1 - t) x + t T(x), see model/displacement.h, for method light with the noise of the plan's bridge
  /// (Model::bridge_variance), one draw for all t of a path; [0, 1]. 0: the inputs; 1 or unset: T. Each of
  /// several outputs of an input has its own noise, which is the same for all t.
  std::optional<double> t = {};
  int64_t steps = 0;          ///< equidistant t from 0 to 1, all of which are written; [2, 1000]; 0: t alone
  int64_t batch = 0;          ///< items per batch, which changes only speed and memory; 0: 32 images or 4,096 rows
  std::string range = "";     ///< "LOW..HIGH" to which vectors are clamped; empty: the recipe's output.range
  std::string on_error = "";  ///< what to do with images that cannot be used: fail or skip; empty: the recipe's
  /// Size of the images: "keep", "train" (crop and resize to the size of the training), "WxH" or one number (crop and
  /// resize to that), "residual" (keep, and add the enlarged change of a small copy, see model/small_copy.h). Empty:
  /// the recipe's output.size, else keep images that are larger than in training or of another shape if the net takes
  /// any size, else train.
  std::string size = "";
  int64_t tile = 0;            ///< longest side of a tile of large images, in pixels, [16, 16384]; see model::tile_side
  std::string noise = "item";  ///< "item": drawn by the item's name; "fixed": the same for all items (video frames)
  std::string bits = "auto";   ///< bits per value in image files: 8, 16, or auto (16 if input and format have 16)
  std::filesystem::path grid = "";   ///< file for an image of the first inputs and their outputs; empty: none
  int64_t grid_rows = 8;             ///< inputs in that image
  StateDictOptions state_dict = {};  ///< for models without a recipe
  /// File for the weights of the inputs in an unbalanced problem (model::SampleWeights), in their order: a .npy [N], or
  /// a .csv or .tsv with their names. Empty: none. Images need the size of the training.
  std::filesystem::path weights = "";

  bool noiseless() const { return deterministic || noise_scale == 0; }
};

/// All ranks have `complete`, `items` and `samples`; the root has the rest, if the translation is complete.
struct TranslateResult {
  bool complete = false;                   ///< false when the stop flag ended it
  int64_t items = 0;                       ///< items of the input that were translated, those of all ranks together
  int64_t samples = 0;                     ///< outputs per item, each of TranslateOptions::steps steps if those are set
  int64_t replaced = 0;                    ///< existing files that outputs replaced
  int64_t left_out = 0;                    ///< inputs that could not be used, then or when they were due
  std::optional<int64_t> clamped = {};     ///< number of values that the output range changed; unset without a range
  std::optional<int64_t> not_finite = {};  ///< outputs with values that are not finite; set for tables
  std::optional<std::string> first_not_finite = {};  ///< the first of those outputs
  std::optional<double> mean_weight = {};            ///< of the inputs; set with TranslateOptions::weights
};

/// Checks paths before model and input are opened, and makes the folder of the grid. The input must exist, and no
/// output may replace an input or lie where the next translation would read it as an input. Checks `t` and `steps` too.
/// @throws InputError.
void check_translation_paths(const std::string& in, const std::string& out, const TranslateOptions& options);

/// Writes T of every item of `in` to `out`: an image to an image, a folder to a folder, an archive to an archive, a
/// table (.npy, .npz, .csv, Parquet, .h5ad) to a table. All ranks of the group call it; several ranks can write folders
/// only.
///
/// Each item has its own noise stream, named by `seed` and the item's name, unless `noise` is "fixed". So the outputs
/// depend neither on the batch nor on the other items nor on the number of ranks. Images that keep their size are
/// translated one by one, in tiles if they are large (model/tiles.h).
///
/// With `t` the outputs lie between the inputs as the map gets them (cropped and resized) and T, in the units of the
/// data: a standardisation is undone before, and only T is clamped to the output range. They stand where those of T
/// would. With `steps` an image is written to an animated WebP or to a folder, a table to a .npy or to a folder, and a
/// folder or an archive holds a folder for each step (run/step_writer.h).
/// @param in, out  paths as monge::open_source takes them, of one kind, which check_translation_paths accepts. A .h5ad
///     output holds the whole input beside its outputs, see run::CellsWriter, and may have the parameters of
///     run::cells_output.
/// @throws InputError before anything is written, for paths, options or data that do not fit the model; SystemError
///         when writing fails. Then an archive or table does not exist, but the files of a folder that are written
///         remain.
TranslateResult translate(const model::Model& model, const std::string& in, const std::string& out,
                          const TranslateOptions& options = {}, const Compute& compute = {}, const Hooks& hooks = {});

/// T of the rows of `x`, as `translate` computes it for a table of these rows. The grid and `bits` have no effect.
/// @param x  [B, ...item], raw as the source's items; float32 or float64. Images may have another size than in training
///           if the net takes any and `size` allows it. A tensor on the GPU of the model is not copied to the host,
///           unless its images have another size.
/// @return   [B, samples, ...item], with `steps` [B, samples, steps, ...item]; on the CPU, or on the GPU where `x`
///           stays. With `t` or `steps` rows of float64 give float64. Undefined if hooks.stop ended it.
/// @throws InputError when the shape or an option does not fit the map.
torch::Tensor translate(const model::Model& model, const torch::Tensor& x, const TranslateOptions& options = {},
                        const Hooks& hooks = {});

}  // namespace monge::session
