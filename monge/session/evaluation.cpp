#include "monge/session/evaluation.h"

#include <algorithm>

#include "monge/core/error.h"
#include "monge/core/file_name.h"
#include "monge/core/files.h"
#include "monge/core/random.h"
#include "monge/core/user_words.h"
#include "monge/eval/features.h"
#include "monge/eval/few_samples.h"
#include "monge/eval/ground_truth.h"
#include "monge/io/image.h"
#include "monge/session/root_first.h"
#include "monge/session/summary.h"
#include "monge/session/translation_grid.h"
#include "monge/train/training_data.h"

namespace monge::session {
namespace {

/// Whether the data are samples in memory. @throws InputError if only one side is.
bool in_memory(const EvaluateOptions& options) {
  const bool source = options.source.source() != nullptr, target = options.target.source() != nullptr;
  if (source != target) {
    throw InputError({.what = "only one side is given as samples in memory",
                      .where = source ? "target" : "source",
                      .allowed = "samples in memory on both sides, or paths",
                      .fix = "give the other side as samples too"});
  }
  return source;
}

train::EvaluationData open_data(const EvaluateOptions& options, const train::Recipe& recipe, const Hooks& hooks) {
  if (!in_memory(options)) {
    return train::open_evaluation_data(recipe, hooks.log, hooks.progress_of("reading images"));
  }
  const auto &source = options.source.source(), &target = options.target.source();
  return {.source = source, .target = target, .target_b = target};
}

/// The recipe that defines the data and the evaluator: the model's own, changed by the options.
train::Recipe evaluation_recipe(const EvaluateOptions& options, const model::Model& model) {
  train::Recipe recipe;
  if (model.recipe) recipe = *model.recipe;
  // Named data replace the held-out part. The floor is still measured against the recipe's own training target.
  const auto &source = options.source.path(), &target = options.target.path();
  if (!source.empty()) recipe.eval.source = source;
  if (!target.empty()) recipe.eval.target = target;
  if (!model.recipe) {
    require(in_memory(options) || (!source.empty() && !target.empty()), model.origin,
            ": a state dict without a recipe names no data; add ", user_word("EvaluateOptions::source"), " PATH ",
            user_word("EvaluateOptions::target"), " PATH");
    recipe.source.path = source;
    recipe.target.path = target;
    recipe.source.colour = recipe.target.colour = model.item_shape[0] == 1 ? "grey" : "rgb";
    if (options.state_dict.size.width > 0) recipe.source.size = recipe.target.size = options.state_dict.size;
    recipe.eval.source = recipe.eval.target = "";
    recipe.eval.holdout = 0;  // one set on both sides: evaluate() halves it
  }
  if (!options.on_error.empty()) recipe.source.on_error = recipe.target.on_error = options.on_error;
  recipe.data.cache_mb = 0;  // with a cache, all images would be decoded, and only some are needed
  for (const auto& [given, key] : {std::pair{&options.features, &recipe.eval.features},
                                   {&options.mode, &recipe.eval.mode},
                                   {&options.lpips, &recipe.eval.lpips},
                                   {&options.weights, &recipe.eval.weights}}) {
    if (!given->empty()) *key = *given == "none" ? "" : *given;
  }
  if (!options.mode.empty() && !eval::names_fid_net(recipe.eval.features)) {
    throw InputError({.what = "applies only to the features of inception, which this evaluation does not compute",
                      .where = user_word("EvaluateOptions::mode"),
                      .value = options.mode,
                      .fix = "add " + user_word("EvaluateOptions::features") + " inception, or leave " +
                             user_word("EvaluateOptions::mode") + " out"});
  }
  return recipe;
}

/// The right outputs, read as the target is.
std::shared_ptr<const data::Source> open_truth(const std::string& path, const train::Recipe& recipe,
                                               const LogSink& log) {
  auto options = train::source_options(recipe.target, recipe);
  options.path = path;
  return data::open_source(options, log);
}

/// Finds a file that cannot be written before the evaluation, which may take long.
void check_grid(const std::filesystem::path& file) {
  require_usable_name(file, user_word("EvaluateOptions::grid"));
  if (!io::has_output_extension(file)) {
    throw InputError({.what = "not an image format that can be written",
                      .where = user_word("EvaluateOptions::grid"),
                      .value = file.string(),
                      .fix = "choose a name that ends with .png, .jpg, .webp or .tif"});
  }
  make_writable_folder(file.has_parent_path() ? file.parent_path() : std::filesystem::path("."));
}

/// Writes an image of up to 40 of the inputs, each with one output and the right output behind it.
void write_truth_grid(const model::Model& model, const data::Source& source, const data::Source& truth,
                      const EvaluateOptions& options) {
  constexpr int64_t kInputs = 40, kInputsInRow = 5;
  const RandomStreams streams(static_cast<uint64_t>(options.seed));
  const auto inputs =
      data::some_indices(source.size(), std::min(kInputs, options.samples), streams.at("eval source", 0));
  const auto x = source.items(inputs), right = truth.items(eval::partners_of(source, inputs, truth));
  const auto outputs = model.translate(x, 1, streams.at("eval z", 0)).cpu().select(1, 0);
  TranslationGrid grid;
  for (int64_t i = 0; i < x.size(0); ++i) {
    for (const auto& images : {x, outputs, right}) grid.add(images[i].expand({3, -1, -1}));
  }
  grid.write(options.grid, 3 * kInputsInRow);
}

/// @throws EvaluationStopped.
EvaluateResult evaluate_to_the_end(const model::Model& given, const EvaluateOptions& options, const Compute& compute,
                                   const Hooks& given_hooks) {
  auto& group = compute.group;
  const auto hooks = with_log_on_root(given_hooks, group);
  eval::EvaluationProgress progress(hooks.stop_flag(), hooks.progress, group);
  require(options.samples >= 2 && options.samples <= 1 << 20, user_word("EvaluateOptions::samples"), " ",
          options.samples, ": allowed is 2 to ", 1 << 20);
  if (!options.grid.empty() && options.truth.empty()) {
    throw InputError({.what = "the image shows outputs beside the right ones, and there are none",
                      .where = user_word("EvaluateOptions::grid"),
                      .value = options.grid.string(),
                      .fix = "add " + user_word("EvaluateOptions::truth") + ", or use " +
                             user_word("session::translate()") + " with " + user_word("TranslateOptions::grid")});
  }
  if (!options.grid.empty()) check_grid(options.grid);
  auto model = given;
  apply_state_dict_options(options.state_dict, model);
  const auto recipe = root_first(group, [&] { return evaluation_recipe(options, model); });
  const auto evaluator = root_first(group, [&] { return eval::make_image_evaluator(recipe, model.device); });
  auto data = open_data(options, recipe, hooks);
  progress.agree();
  if (group.size() > 1) {  // hashing the names of large sets takes time
    for (const auto& source : {data.source, data.target, data.target_b})
      group.require_same(source->name(), content_summary(*source));
  }
  root_first(group, [&] { train::select_columns(data, model.columns, hooks.log); });
  model.require_takes(data.source->item_shape());
  if (model.standardisation) {  // in the units of the training no column counts more than the others
    train::standardise(data, *model.standardisation);
    model = model.in_standard_units();
  }
  const auto warning = eval::few_samples_warning(*data.source, *data.target, *data.target_b, options.samples);
  if (!warning.empty()) hooks.log(LogLevel::warning, warning);
  EvaluateResult out;
  out.left_out_source = static_cast<int64_t>(data.source->open_report().left_out.size());
  out.left_out_target = static_cast<int64_t>(data.target->open_report().left_out.size());
  out.evaluation = eval::evaluate(model, *data.source, *data.target, *data.target_b, options.samples,
                                  static_cast<uint64_t>(options.seed), evaluator.get(), group, progress);
  if (!options.truth.empty()) {
    const auto truth = root_first(group, [&] { return open_truth(options.truth, recipe, hooks.log); });
    const auto near =
        eval::evaluate_against_truth(model, *data.source, *truth, options.samples, static_cast<uint64_t>(options.seed),
                                     evaluator ? evaluator->lpips() : nullptr, group, progress);
    progress.agree();
    auto& all = out.evaluation.image_metrics;
    all.insert(all.end(), near.begin(), near.end());
    if (!options.grid.empty() && group.is_root()) write_truth_grid(model, *data.source, *truth, options);
  }
  if (!out.evaluation.image_warning.empty()) hooks.log(LogLevel::warning, out.evaluation.image_warning);
  if (evaluator) {
    out.protocol = evaluator->protocol();
    hooks.log(LogLevel::info, protocol_line(out.protocol, out.evaluation));
  }
  return out;
}

}  // namespace

EvaluateResult evaluate(const model::Model& model, const EvaluateOptions& options, const Compute& compute,
                        const Hooks& hooks) {
  try {
    return evaluate_to_the_end(model, options, compute, hooks);
  } catch (const eval::EvaluationStopped&) {
    return {.complete = false, .evaluation = {}, .protocol = {}};
  }
}

}  // namespace monge::session
