// Applying a map to files: the same kind of thing comes out as went in.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "monge/model/model.h"
#include "monge/session/compute.h"
#include "monge/session/hooks.h"

namespace monge::session {

/// What the file of a map without a recipe (a bare state dict of the public codes) does not say.
struct BareModelOptions {
  int64_t size = 0;  ///< side that images are brought to, in pixels; 0: their own
  double z_std = 0;  ///< standard deviation of the noise; 0: 0.1, as in the public codes
};

/// Gives `model` what the options say. @throws InputError naming the option that does not fit the model: one with a recipe
/// knows its noise and its size, one of vectors has no size.
void apply_bare_options(const BareModelOptions& bare, model::Model& model);

struct TranslateOptions {
  int64_t samples = 1;            ///< outputs per input, for maps with noise; [1, 1024]
  bool deterministic = false;     ///< set all noises to zero: one output per input
  int64_t seed = 0;               ///< of the noises; a seed and the name of an item give the same outputs again
  int64_t batch = 0;              ///< items at once; changes speed and memory only. 0: 32 images or 4,096 rows
  std::string range = "";         ///< "LOW..HIGH" to clamp vectors to; empty: the recipe's output.range
  std::string on_error = "";      ///< of images that cannot be used: fail or skip; empty: the recipe's
  std::string bits = "auto";      ///< per sample of image files: 8, 16, or auto (16 where input and format have them)
  std::filesystem::path grid = "";  ///< also write an image of the first inputs and their outputs; empty: none
  int64_t grid_rows = 8;          ///< inputs in that image
  BareModelOptions bare = {};
};

struct TranslateResult {
  bool complete = false;       ///< false when the stop flag ended it
  int64_t items = 0;           ///< translated, of all ranks
  int64_t samples = 0;         ///< outputs per item
  int64_t replaced = 0;        ///< files that stood where outputs went
  int64_t left_out = 0;        ///< inputs that could not be used
  std::optional<int64_t> clamped = {};          ///< values that the output range changed; where there is a range
  std::optional<int64_t> not_finite = {};       ///< outputs with values that are not finite; of tables
  std::optional<std::string> first_not_finite = {};  ///< the first of them
};

/// The map of `path` as the options want it used. @throws InputError as model::load_model, or for options that do not fit.
model::Model load_for_translation(const std::filesystem::path& path, const TranslateOptions& options,
                                  torch::Device device, const LogSink& log);

/// Applies deterministic, range and bare options to a loaded model. @throws InputError for those that do not fit it.
void prepare_for_translation(model::Model& model, const TranslateOptions& options);

/// Checks what can be known before model and input are opened: the input exists, and no output takes the place of an input
/// or would be found among the inputs by the next translation. @throws InputError.
void check_translation_paths(const std::string& in, const std::string& out, const TranslateOptions& options);

/// T of every item of `in`, written to `out`: an image to an image, a folder to a folder, an archive to an archive, a table
/// (.npy, .npz, .csv, Parquet) to a table. All ranks of the group call it; several ranks write folders alone.
///
/// Each item has its own noise stream, named by `seed` and the item's name, so the outputs depend on neither the batch, the
/// other items nor the number of ranks.
/// @param in, out  paths as monge::open_source takes them; of one kind.
/// @throws InputError before anything is written, for paths or data that do not fit the model; SystemError when writing
///         fails. An archive or table is whole or absent; files of a folder stay.
TranslateResult translate(const model::Model& model, const std::string& in, const std::string& out,
                          const TranslateOptions& options = {}, const Compute& compute = {}, const Hooks& hooks = {});

/// T of the rows of `x` as `translate` computes them for a table of these rows.
/// @param x  [B, ...item], raw as the source's items; float32 or float64.
/// @return   [B, samples, ...item] on the CPU.
torch::Tensor translate(const model::Model& model, const torch::Tensor& x, const TranslateOptions& options = {});

}  // namespace monge::session
