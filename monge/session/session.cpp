#include "monge/session/session.h"

#include "monge/session/model_card.h"
#include "monge/session/summary.h"

namespace monge::session {

Model Model::load(const std::filesystem::path& path, const Compute& compute, const Hooks& hooks) {
  return Model(model::load_model(path, choose_device(compute), hooks.log));
}

TranslateResult Model::translate(const std::string& in, const std::string& out, const TranslateOptions& options,
                                 const Compute& compute, const Hooks& hooks) const {
  check_translation_paths(in, out, options);
  return session::translate(model_, in, out, options, compute, hooks);
}

torch::Tensor Model::translate(const torch::Tensor& x, const TranslateOptions& options, const Hooks& hooks) const {
  return session::translate(model_, x, options, hooks);
}

EvaluateResult Model::evaluate(const EvaluateOptions& options, const Compute& compute, const Hooks& hooks) const {
  return session::evaluate(model_, options, compute, hooks);
}

void Model::save(const std::filesystem::path& path, const std::vector<std::string>& assignments) const {
  model::export_safetensors(with_card(model_, assignments), path);
}

std::string Model::card() const { return json_text(model_card(model_, evaluation_of(model_))); }

Session::Session(TrainResult result) : result_(std::move(result)) {
  // The last evaluation is of the last iteration, unless the training was stopped.
  if (result_.complete && result_.last)
    result_.model.evaluation = record_of(*result_.last, *result_.model.recipe, result_.folder, result_.iterations);
}

Session Session::train(train::Recipe recipe, const Samples& source, const Samples& target, const Options& options) {
  if (!source.path().empty()) recipe.source.path = source.path();
  if (!target.path().empty()) recipe.target.path = target.path();
  if (source.source()) recipe.source.path = source.source()->name();
  if (target.source()) recipe.target.path = target.source()->name();
  train::validate(recipe);
  TrainRequest request{.recipe = std::move(recipe),
                       .out = options.out,
                       .in_memory = options.out.empty(),
                       .source = source.source(),
                       .target = target.source()};
  return Session(session::train(std::move(request), options.compute, options.hooks));
}

Session Session::resume(const std::filesystem::path& folder, const std::vector<std::string>& assignments,
                        const Samples& source, const Samples& target, const Options& options) {
  auto all = assignments;
  if (!source.path().empty()) all.push_back("source.path=" + source.path());
  if (!target.path().empty()) all.push_back("target.path=" + target.path());
  return Session(
      session::resume({.folder = folder, .assignments = all, .source = source.source(), .target = target.source()},
                      options.compute, options.hooks));
}

}  // namespace monge::session
