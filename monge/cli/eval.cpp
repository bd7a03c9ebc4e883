// monge eval: computes the metrics of a model on data that it was not trained on.
#include <cstdio>
#include <memory>

#include "monge/cli/command.h"
#include "monge/cli/job.h"
#include "monge/cli/state_dict_options.h"
#include "monge/core/error.h"
#include "monge/eval/metrics.h"
#include "monge/model/broadcast_from_root.h"
#include "monge/session/evaluation.h"
#include "monge/session/root_first.h"
#include "monge/session/summary.h"

namespace monge::cli {
namespace {

struct EvalCommand {
  Common common;
  std::string model, source, target;
  session::EvaluateOptions evaluate;
  LocalRanks local_ranks;
};

/// The text of a metric in the table; "" if the table omits it.
std::string table_text(const eval::Metric& metric, double value) {
  if (metric.label.empty() && metric.note.empty()) return {};
  char number[32];
  std::snprintf(number, sizeof number, "%.*g", metric.digits, value);
  const auto words = metric.warning_for(value) + metric.note;
  if (metric.label.empty()) return ", " + (number + words);
  char label[32];
  std::snprintf(label, sizeof label, "%-14s ", metric.label.c_str());
  return text('\n', label, number, words);
}

/// Prints the metrics for people: first those that apply to all data and maps, then those of this kind.
void print_table(const session::EvaluateResult& result) {
  const auto& e = result.evaluation;
  std::string table;
  const auto& rows = eval::metrics().rows();
  for (const auto& row : rows) {
    if (row.is_general()) table += table_text(row, e.value(row.name));
  }
  for (const auto& [name, value] : e.metrics) {
    const auto* row = eval::metrics().find(name);
    if (row && !row->is_general()) table += table_text(*row, value);
  }
  std::printf("%s\n", table.c_str() + 1);
  for (const auto& [name, value] : e.image_metrics) std::printf("%-14s %.5g\n", name.c_str(), value);
  if (result.left_out_source + result.left_out_target > 0) {
    std::printf("left out       images that cannot be used: %lld of the source, %lld of the target\n",
                static_cast<long long>(result.left_out_source), static_cast<long long>(result.left_out_target));
  }
  std::printf("verdict        the map %s\n", e.verdict().c_str());
  std::fflush(stdout);
}

nlohmann::ordered_json json_of(const model::Model& model, const session::EvaluateResult& result) {
  const auto& evaluation = result.evaluation;
  nlohmann::ordered_json line{{"model", model.origin},
                              {"iteration", model.iteration},
                              {"samples", evaluation.samples},
                              {"target_samples", evaluation.target_samples}};
  line["left_out_source"] = result.left_out_source;
  line["left_out_target"] = result.left_out_target;
  for (const auto& [key, value] : result.protocol) line[key] = value;
  for (const auto& [name, value] : evaluation.named()) line[name] = value;
  if (!evaluation.lost_columns.empty()) line["lost_columns"] = evaluation.lost_columns;
  line["reaches_target"] = session::reaches_target(evaluation);
  line["verdict"] = "the map " + evaluation.verdict();
  return line;
}

int eval_command(EvalCommand command) {
  if (const auto code = start_ranks(command.local_ranks)) return *code;
  auto& group = join_job(command.common);
  const auto compute = compute_for(command.common, group);
  const auto hooks = hooks_for(command.common, group);
  session::set_threads(compute);
  end_on_signals(group);
  auto model = session::root_first(group, [&] {
    auto loaded = model::load_model(command.model, session::choose_device(compute), hooks.log);
    session::apply_state_dict_options(command.evaluate.state_dict, loaded);
    return loaded;
  });
  model::broadcast_from_root(group, model);
  command.evaluate.source = command.source;
  command.evaluate.target = command.target;
  const auto result = session::evaluate(model, command.evaluate, compute, hooks);
  if (!result.complete) return kStopped;
  if (!group.is_root()) return kDone;
  if (command.common.json) {
    print_json(json_of(model, result));
  } else {
    print_table(result);
  }
  return kDone;
}

}  // namespace

void add_eval(CLI::App& program, Action& action) {
  auto* command = program.add_subcommand(
      "eval", "Evaluate a model on held-out data: distance to the target, cost and other metrics");
  auto options = std::make_shared<EvalCommand>();
  command
      ->add_option("MODEL", options->model,
                   "Run directory, checkpoint folder (RUN/best), model file or name of a pretrained model")
      ->required();
  command->add_option("--source", options->source, "Inputs; default: the recipe's held-out part");
  command->add_option("--target", options->target, "Target samples; default: the recipe's held-out part");
  command->add_option(
      "--truth", options->evaluate.truth,
      "Right outputs of the inputs, images of the same names: adds PSNR, SSIM and, with --lpips, LPIPS to "
      "them, beside those of the inputs themselves and of random right outputs");
  command->add_option("--grid", options->evaluate.grid,
                      "With --truth: also write an image of up to 40 inputs to this file, each with its output and "
                      "the right output");
  command->add_option("--samples", options->evaluate.samples, "Number of inputs and of target samples")
      ->check(CLI::Range(2, 1 << 20))
      ->capture_default_str();
  command->add_option("--seed", options->evaluate.seed, "Seed of the choice of samples and of the noises")
      ->check(from_zero())
      ->capture_default_str();
  command->add_option("--features", options->evaluate.features,
                      "Net for the Frechet and kernel distances: inception (FID, KID), a TorchScript file, or none; "
                      "default: the recipe's");
  command
      ->add_option("--mode", options->evaluate.mode,
                   "Resizing of images to inception's input size; default: the recipe's")
      ->check(CLI::IsMember({"clean", "legacy"}));
  command
      ->add_option("--lpips", options->evaluate.lpips,
                   "Net for LPIPS; adds LPIPS and SSIM between inputs and outputs, and LPIPS between outputs of one "
                   "input; default: the recipe's")
      ->check(CLI::IsMember({"none", "alex", "squeeze", "vgg"}));
  command->add_option("--weights", options->evaluate.weights,
                      "Folder to search first for weight files; see monge weights list");
  command
      ->add_option("--on-error", options->evaluate.on_error,
                   "Action for images that cannot be used: fail (list them) or skip; default: the recipe's")
      ->check(CLI::IsMember({"fail", "skip"}));
  add_state_dict_options(*command, options->evaluate.state_dict);
  add_ranks(*command, options->local_ranks);
  add_common(*command, options->common);
  command->callback([&action, options] { action = [options] { return eval_command(*options); }; });
}

}  // namespace monge::cli
