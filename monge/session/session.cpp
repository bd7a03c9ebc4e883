#include "monge/session/session.h"

#include "monge/core/error.h"
#include "monge/data/tensor_source.h"

namespace monge::session {

Samples::Samples(torch::Tensor items) {
  const auto dims = items.dim();
  if ((dims != 2 && dims != 4) || items.size(0) < 2 || (dims == 4 && items.size(1) != 1 && items.size(1) != 3)) {
    throw InputError({.what = "samples must be vectors or images",
                      .where = "tensor",
                      .value = text(items.sizes()),
                      .allowed = "[N, D] or [N, C, H, W] with N >= 2 and C = 1 or 3"});
  }
  source_ = std::make_shared<data::TensorSource>("tensor", items.detach().to(torch::kCPU).contiguous());
}

Model Model::load(const std::filesystem::path& path, const Compute& compute, const Hooks& hooks) {
  return Model(model::load_model(path, choose_device(compute), hooks.log));
}

TranslateResult Model::translate(const std::string& in, const std::string& out, const TranslateOptions& options,
                                 const Compute& compute, const Hooks& hooks) const {
  check_translation_paths(in, out, options);
  auto prepared = model_;
  prepare_for_translation(prepared, options);
  return session::translate(prepared, in, out, options, compute, hooks);
}

torch::Tensor Model::translate(const torch::Tensor& x, const TranslateOptions& options) const {
  return session::translate(model_, x, options);
}

EvaluateResult Model::evaluate(const EvaluateOptions& options, const Compute& compute, const Hooks& hooks) const {
  return session::evaluate(model_, options, compute, hooks);
}

void Model::save(const std::filesystem::path& path) const { model::export_safetensors(model_, path); }

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
  return Session(session::resume(
      {.folder = folder, .assignments = assignments, .source = source.source(), .target = target.source()},
      options.compute, options.hooks));
}

}  // namespace monge::session
