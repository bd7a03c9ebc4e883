// monge eval: the figures of a model on data that it was not trained on.
#include <cstdio>
#include <iostream>
#include <memory>

#include "monge/cli/bare_checkpoint.h"
#include "monge/cli/command.h"
#include "monge/cli/job.h"
#include "monge/cli/summary.h"
#include "monge/core/error.h"
#include "monge/eval/evaluation.h"
#include "monge/eval/few_samples.h"
#include "monge/train/broadcast_from_root.h"
#include "monge/train/trainer.h"

namespace monge::cli {
namespace {

struct EvalOptions {
  Common common;
  std::string model, source, target;
  std::string features, mode, lpips, weights, on_error;
  int64_t samples = 512, seed = 0;
  BareOptions bare;
  RanksHere here;
};

/// The figures as a person reads them.
void print_table(const eval::Evaluation& e) {
  std::printf(
      "target error   %.5g   energy distance between outputs and held-out target samples\n"
      "target floor   %.5g   the same between two sets of target samples: a perfect map gets this\n"
      "cost           %.5g   mean tau ||x - T(x)||^2\n"
      "mse            %.5g   mean (x - T(x))^2 per entry: how far the map moves\n",
      e.target_error, e.target_floor, e.cost, e.mse);
  for (const auto& [name, value] : e.named()) {
    if (name == "feature_error")
      std::printf("feature error  %.5g   the target error in random convolution features\n", value);
    if (name == "feature_floor") std::printf("feature floor  %.5g   and its floor\n", value);
    if (name == "psnr") std::printf("psnr           %.4g dB\n", value);
    if (name == "diversity")
      std::printf("diversity      %.4g   RMS difference per entry between two outputs of one input\n", value);
    if (name == "colourfulness_output") std::printf("colourfulness  %.4g of the outputs, ", value);
    if (name == "colourfulness_target") std::printf("%.4g of the target\n", value);
  }
  for (const auto& [name, value] : e.judged) std::printf("%-14s %.5g\n", name.c_str(), value);
  std::printf("verdict        the map %s\n", e.verdict().c_str());
  std::fflush(stdout);
}

/// The recipe that says which data and which judge: the model's own, changed by what was asked for.
train::Recipe recipe_for(const EvalOptions& options, const model::Model& model) {
  train::Recipe recipe;
  if (model.recipe) recipe = *model.recipe;
  // Named data take the place of the held-out part; the recipe's own training target stays the other side of the floor.
  if (!options.source.empty()) recipe.eval.source = options.source;
  if (!options.target.empty()) recipe.eval.target = options.target;
  if (!model.recipe) {
    require(!options.source.empty() && !options.target.empty(), model.origin,
            ": a bare checkpoint names no data; add --source PATH --target PATH");
    recipe.source.path = options.source;
    recipe.target.path = options.target;
    recipe.source.colour = recipe.target.colour = model.item_shape[0] == 1 ? "grey" : "rgb";
    if (options.bare.size > 0) recipe.source.size = recipe.target.size = options.bare.size;
    recipe.eval.source = recipe.eval.target = "";
    recipe.eval.holdout = 0;  // one set on both sides: evaluate() halves it
  }
  if (!options.on_error.empty()) recipe.source.on_error = recipe.target.on_error = options.on_error;
  recipe.data.cache_mb = 0;  // a cache would decode all to draw some
  // The recipe's own judge unless others are asked for.
  for (const auto& [given, key] : {std::pair{&options.features, &recipe.eval.features},
                                   {&options.mode, &recipe.eval.mode},
                                   {&options.lpips, &recipe.eval.lpips},
                                   {&options.weights, &recipe.eval.weights}}) {
    if (!given->empty()) *key = *given == "none" ? "" : *given;
  }
  if (!options.mode.empty() && recipe.eval.features != "inception") {
    throw Error(Complaint{.what = "is a way of preparing images for inception, which is not asked for",
                          .where = "--mode",
                          .value = options.mode,
                          .fix = "add --features inception, or leave it out"});
  }
  return recipe;
}

void require_same(dist::ProcessGroup& group, const train::EvaluationData& data) {
  for (const auto& source : {data.source, data.target, data.target_b}) {
    group.require_same(source->name(), what_is_in(*source));
  }
}

void print_result(const EvalOptions& options, const model::Model& model, const eval::ImageEvaluator* judge,
                  const eval::Evaluation& result) {
  if (!options.common.json) return print_table(result);
  nlohmann::ordered_json line{{"model", model.origin},
                              {"iteration", model.iteration},
                              {"samples", result.samples},
                              {"target_samples", result.target_samples}};
  line.update(protocol_json(judge));
  for (const auto& [name, value] : result.named()) line[name] = value;
  if (!result.lost_columns.empty()) line["lost_columns"] = result.lost_columns;
  line["reaches_target"] = reaches_target(result);
  line["verdict"] = "the map " + result.verdict();
  print_json(line);
}

int eval_command(EvalOptions options) {
  if (const auto code = start_ranks(options.here)) return *code;
  const auto job = join_job(options.common);
  auto* group = job.get();
  set_threads(options.common, 0, group);
  end_on_signals(group);
  const auto log = log_sink(options.common, group);
  auto model = rank_0_first(group, [&] {
    auto loaded = model::load_model(options.model, device_of(options.common, "auto", group), log);
    apply_bare_options(options.bare, loaded);
    return loaded;
  });
  if (group) train::broadcast_from_root(*group, model);
  const auto recipe = rank_0_first(group, [&] { return recipe_for(options, model); });
  const auto judge = rank_0_first(group, [&] { return eval::make_image_evaluator(recipe, model.device); });
  auto data = train::open_evaluation_data(recipe, log, progress_callback(options.common, "reading images"));
  if (group) require_same(*group, data);
  rank_0_first(group, [&] { train::select_columns(data, model.columns, log); });
  model.require_takes(data.source->item_shape());
  if (model.standardisation) {  // in the units of the training, so that no column counts more than others
    train::standardise(data, *model.standardisation);
    model = model.in_standard_units();
  }
  const auto warning = eval::few_samples_warning(*data.source, *data.target, *data.target_b, options.samples);
  if (!warning.empty()) log(LogLevel::warning, warning);
  const auto result = eval::evaluate(model, *data.source, *data.target, *data.target_b, options.samples,
                                     static_cast<uint64_t>(options.seed), judge.get(), group);
  if (!result.judge_warning.empty()) log(LogLevel::warning, result.judge_warning);
  if (judge) log(LogLevel::info, judged_by(*judge, result));
  if (!group || group->is_root()) print_result(options, model, judge.get(), result);
  return kDone;
}

}  // namespace

void add_eval(CLI::App& program, Action& action) {
  auto* command =
      program.add_subcommand("eval", "Does the map reach its target, and what does it cost: on held-out data");
  auto options = std::make_shared<EvalOptions>();
  command->add_option("MODEL", options->model, "Run directory, checkpoint folder (RUN/best) or model file")->required();
  command->add_option("--source", options->source, "Inputs; default: what the recipe held out");
  command->add_option("--target", options->target, "Target samples; default: what the recipe held out");
  command->add_option("--samples", options->samples, "Inputs")->check(CLI::Range(2, 1 << 20))->capture_default_str();
  command->add_option("--seed", options->seed, "Of the choice of samples and noises")
      ->check(from_zero())
      ->capture_default_str();
  command->add_option("--features", options->features,
                      "Also the Frechet and kernel distances by inception (FID, KID), by a TorchScript file, or none; "
                      "default: the recipe's");
  command->add_option("--mode", options->mode, "How images come to inception's size")
      ->check(CLI::IsMember({"clean", "legacy"}));
  command->add_option("--lpips", options->lpips, "Also LPIPS and SSIM between inputs, outputs and draws")
      ->check(CLI::IsMember({"none", "alex", "squeeze", "vgg"}));
  command->add_option("--weights", options->weights,
                      "Folder of weight files that is looked in first; see monge weights list");
  command
      ->add_option("--on-error", options->on_error,
                   "What to do with images that cannot be used: fail (lists them) or skip; default: the recipe's")
      ->check(CLI::IsMember({"fail", "skip"}));
  add_bare_options(*command, options->bare);
  add_ranks(*command, options->here);
  add_common(*command, options->common);
  command->callback([&action, options] { action = [options] { return eval_command(*options); }; });
}

}  // namespace monge::cli
