// The front door of the library: train a map, load one, apply it, measure it.
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

  /// A run directory (its newest checkpoint), a checkpoint folder, an exported file, or a state dict of the public codes.
  /// @throws InputError that names the path and what a model is.
  static Model load(const std::filesystem::path& path, const Compute& compute = {}, const Hooks& hooks = {});

  /// Writes T of every item of `in` to `out`, which becomes the same kind of thing: image, folder, archive or table.
  /// @throws InputError before anything is written when paths or data do not fit.
  TranslateResult translate(const std::string& in, const std::string& out, const TranslateOptions& options = {},
                            const Compute& compute = {}, const Hooks& hooks = {}) const;
  TranslateResult translate(const char* in, const char* out, const TranslateOptions& options = {}) const {
    return translate(std::string(in), std::string(out), options);
  }

  /// T of the rows of `x`. @param x  [B, D], or [B, C, H, W] in [-1, 1]; raw, as the source's items.
  /// @return  [B, samples, ...item] on the CPU.
  torch::Tensor translate(const torch::Tensor& x, const TranslateOptions& options = {}) const;

  /// Metrics on held-out data, or on the data that the options name.
  EvaluateResult evaluate(const EvaluateOptions& options = {}, const Compute& compute = {},
                          const Hooks& hooks = {}) const;

  /// Writes the map to one safetensors file, which `load` reads back.
  void save(const std::filesystem::path& path) const;

  const model::Model& get() const { return model_; }

 private:
  model::Model model_;
};

/// A training that has come to its end.
class Session {
 public:
  struct Options {
    std::filesystem::path out = {};  ///< run directory; empty: trained in memory, nothing is written
    Compute compute = {};
    TrainHooks hooks = {};
  };

  /// Trains `recipe` on two sets of samples, each a path, a tensor or a source.
  /// @throws InputError, DivergedError as session::train.
  static Session train(train::Recipe recipe, const Samples& source, const Samples& target, const Options& options);
  static Session train(train::Recipe recipe, const Samples& source = {}, const Samples& target = {}) {
    return train(std::move(recipe), source, target, Options());
  }

  /// Continues the run in `folder` with "section.key=value" assignments over its recipe. A run that was trained on tensors
  /// or sources needs them again.
  static Session resume(const std::filesystem::path& folder, const std::vector<std::string>& assignments,
                        const Samples& source, const Samples& target, const Options& options);
  static Session resume(const std::filesystem::path& folder, const std::vector<std::string>& assignments = {}) {
    return resume(folder, assignments, {}, {}, Options());
  }

  Model model() const { return Model(result_.model); }
  const std::filesystem::path& folder() const { return result_.folder; }
  bool complete() const { return result_.complete; }
  /// The last evaluation on held-out data; nothing where eval.every is 0 and none was made.
  const std::optional<eval::Evaluation>& evaluation() const { return result_.last; }
  const TrainResult& result() const { return result_; }

 private:
  explicit Session(TrainResult result) : result_(std::move(result)) {}

  TrainResult result_;
};

}  // namespace monge::session
