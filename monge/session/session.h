// The main classes of the library: train a map, load one, apply it, evaluate it.
//
//     auto run = monge::Session::train(monge::Recipe(), "photos", "drawings");
//     monge::Model::load(run.folder()).translate("new-photos", "new-drawings");
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <optional>
#include <string>

#include "monge/session/evaluation.h"
#include "monge/session/samples.h"
#include "monge/session/training.h"
#include "monge/session/translation.h"

namespace monge::session {

/// A trained map, ready to use. Copies share the net.
class Model {
 public:
  explicit Model(model::Model model) : model_(std::move(model)) {}

  /// Loads a run directory (its newest checkpoint), a checkpoint folder, an exported file, a pretrained model by its
  /// name, or a state dict of the public codes onto compute.device, on which the model then computes.
  /// @throws InputError that names the path and the accepted kinds of models.
  static Model load(const std::filesystem::path& path, const Compute& compute = {}, const Hooks& hooks = {});

  /// Writes T of every item of `in` to `out`, which is of the same kind: an image, a folder, an archive or a table.
  /// @throws InputError before anything is written when paths, options or data do not fit.
  TranslateResult translate(const std::string& in, const std::string& out, const TranslateOptions& options = {},
                            const Compute& compute = {}, const Hooks& hooks = {}) const;
  TranslateResult translate(const char* in, const char* out, const TranslateOptions& options = {}) const {
    return translate(std::string(in), std::string(out), options);
  }

  /// T of the rows of `x`.
  /// @param x  [B, D], or [B, C, H, W] in [-1, 1]; raw, as the source's items.
  /// @return   [B, samples, ...item] on the CPU; with options.steps [B, samples, steps, ...item]. Undefined if
  ///           hooks.stop ended it.
  /// @throws InputError when the shape or an option does not fit the map.
  torch::Tensor translate(const torch::Tensor& x, const TranslateOptions& options = {}, const Hooks& hooks = {}) const;

  /// Metrics on the held-out data, or on the data that the options name; incomplete if hooks.stop ended it. @throws
  /// InputError as session::evaluate.
  EvaluateResult evaluate(const EvaluateOptions& options = {}, const Compute& compute = {},
                          const Hooks& hooks = {}) const;

  /// The map back, from the target to the source. @throws InputError for a model that was trained in one direction.
  Model inverse() const { return Model(model_.inverse()); }

  /// Writes the map, its inverse if there is one, and what is known of its evaluation to one safetensors file, which
  /// `load` reads.
  /// @param assignments  change what the file tells about the map ("card.title=..."), see model::amend_recipe.
  /// @throws InputError for a map without a recipe, or as amend_recipe.
  void save(const std::filesystem::path& path, const std::vector<std::string>& assignments = {}) const;

  /// What is known about the map, as JSON: see session::model_card.
  std::string card() const;

  const model::Model& get() const { return model_; }

 private:
  model::Model model_;
};

/// A training that has ended.
class Session {
 public:
  struct Options {
    std::filesystem::path out = {};  ///< new run directory; if empty, training writes no files. `resume` ignores it
    Compute compute = {};
    TrainHooks hooks = {};
  };

  /// Trains `recipe` on two sets of samples, each a path, a tensor or a source; a default one is the recipe's own path.
  /// @throws InputError, DivergedError as session::train.
  static Session train(train::Recipe recipe, const Samples& source, const Samples& target, const Options& options);
  static Session train(train::Recipe recipe, const Samples& source = {}, const Samples& target = {}) {
    return train(std::move(recipe), source, target, Options());
  }

  /// Continues the run in `folder` with "section.key=value" assignments over its recipe. A run that was trained on
  /// tensors or sources needs them again; a path replaces that of the run, for data that have moved.
  /// @throws InputError, DivergedError as session::resume.
  static Session resume(const std::filesystem::path& folder, const std::vector<std::string>& assignments,
                        const Samples& source, const Samples& target, const Options& options);
  static Session resume(const std::filesystem::path& folder, const std::vector<std::string>& assignments = {}) {
    return resume(folder, assignments, {}, {}, Options());
  }

  /// The averaged map; it shares its net with the session.
  Model model() const { return Model(result_.model); }
  /// The run directory; empty for a training in memory.
  const std::filesystem::path& folder() const { return result_.folder; }
  /// Whether the training reached the end of its recipe; false when the stop flag ended it.
  bool complete() const { return result_.complete; }
  /// The last evaluation on held-out data; nothing if eval.every is 0 and none was made.
  const std::optional<eval::Evaluation>& evaluation() const { return result_.last; }
  const TrainResult& result() const { return result_; }

 private:
  explicit Session(TrainResult result);

  TrainResult result_;
};

}  // namespace monge::session
