// monge translate: applies a map to an image, a folder, an archive or a table; the output is of the same kind.
#include <memory>

#include "monge/cli/command.h"
#include "monge/cli/job.h"
#include "monge/cli/state_dict_options.h"
#include "monge/core/error.h"
#include "monge/model/broadcast_from_root.h"
#include "monge/model/model.h"
#include "monge/session/root_first.h"
#include "monge/session/translation.h"

namespace monge::cli {
namespace {

struct TranslateCommand {
  Common common;
  std::string model, in, out;
  bool inverse = false;
  session::TranslateOptions translate;
  LocalRanks local_ranks;
};

/// The part of the closing line about the interpolation between inputs and outputs.
std::string interpolation_words(const session::TranslateOptions& options) {
  if (options.steps > 0) return text(" in ", options.steps, " steps");
  return options.t ? text(" at t = ", *options.t) : "";
}

/// The end of the closing line, which reports replaced files.
std::string replaced_words(int64_t count) {
  return count == 0 ? "" : text("; replaced ", count, count == 1 ? " existing file" : " existing files");
}

/// The end of the closing line, which counts images that --on-error skip left out.
std::string left_out_words(int64_t count) {
  if (count == 0) return "";
  return text("; left out ", count, count == 1 ? " image" : " images", " that cannot be used");
}

/// The end of the closing line, which reports the file of weights.
std::string weight_words(const TranslateCommand& command, const session::TranslateResult& result) {
  if (!result.mean_weight) return "";
  return text("; weights of mean ", *result.mean_weight, " in ", command.translate.weights.string());
}

nlohmann::ordered_json json_of(const TranslateCommand& command, const model::Model& model,
                               const session::TranslateResult& result) {
  nlohmann::ordered_json line{{"model", model.origin},      {"in", command.in},          {"out", command.out},
                              {"items", result.items},      {"samples", result.samples}, {"replaced", result.replaced},
                              {"left_out", result.left_out}};
  const auto& translate = command.translate;
  if (translate.noise_scale != 1 && !translate.noiseless()) line["noise_scale"] = translate.noise_scale;
  if (command.translate.t) line["t"] = *command.translate.t;
  if (command.translate.steps > 0) line["steps"] = command.translate.steps;
  if (result.clamped) line["clamped"] = *result.clamped;
  if (result.mean_weight) line["mean_weight"] = *result.mean_weight;
  if (result.not_finite) line["not_finite"] = *result.not_finite;
  if (result.first_not_finite) line["first_not_finite"] = *result.first_not_finite;
  return line;
}

int translate_command(TranslateCommand command) {
  if (const auto code = start_ranks(command.local_ranks)) return *code;
  auto& group = join_job(command.common);
  const auto compute = compute_for(command.common, group);
  const auto hooks = hooks_for(command.common, group);
  session::set_threads(compute);
  watch_signals(group);  // so that a stopped translation removes its partial output
  auto model = session::root_first(group, [&] {
    session::check_translation_paths(command.in, command.out, command.translate);
    auto loaded = model::load_model(command.model, session::choose_device(compute), hooks.log);
    if (command.inverse) loaded.inverse();  // throws for a model without one
    return loaded;
  });
  model::broadcast_from_root(group, model);
  if (command.inverse) model = model.inverse();
  const auto result = session::translate(model, command.in, command.out, command.translate, compute, hooks);
  if (!result.complete) return kStopped;
  if (!group.is_root()) return kDone;
  if (command.common.json) {
    print_json(json_of(command, model, result));
  } else {
    hooks.log(LogLevel::info,
              text(result.items, " items, ", result.samples, " output", result.samples > 1 ? "s" : "", " each",
                   interpolation_words(command.translate), ", written to ", command.out,
                   replaced_words(result.replaced), left_out_words(result.left_out), weight_words(command, result)));
  }
  return kDone;
}

}  // namespace

void add_translate(CLI::App& program, Action& action) {
  auto* command =
      program.add_subcommand("translate", "Apply a model to an image, folder, archive, .npy, .npz, .csv or .h5ad");
  auto options = std::make_shared<TranslateCommand>();
  command
      ->add_option(
          "MODEL", options->model,
          "Run directory, checkpoint folder (RUN/best), exported file, name of a pretrained model (monge models "
          "list), or a .pt file of the public codes")
      ->required();
  command->add_option("IN", options->in, "Image, folder, archive or table to translate")->required();
  command
      ->add_option("OUT", options->out,
                   "Output path, of the same kind as IN unless --steps is given. A .h5ad keeps the input's parts: "
                   "OUT.h5ad?layer=NAME, or ?obsm=NAME&genes=NAME for an embedding")
      ->required();
  command->add_flag("--inverse", options->inverse,
                    "Map back, from the target to the source, with a model of train.directions = \"both\"");
  command->add_option("--samples", options->translate.samples, "Outputs per input, for maps with noise")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->add_flag("--deterministic", options->translate.deterministic,
                    "Set all noises to zero: one output per input, always the same");
  command
      ->add_option(
          "--noise-scale", options->translate.noise_scale,
          "Multiply the noise level of the training by this: below 1 outputs of an input differ less, above it "
          "more; 0 is --deterministic")
      ->check(CLI::Range(0.0, 4.0))
      ->capture_default_str();
  command->add_option("--t", options->translate.t,
                      "Write (1 - t) x + t T(x) instead of T(x): 0 is the input, 1 the output; each of several "
                      "--samples has its own path");
  command
      ->add_option(
          "--steps", options->translate.steps,
          "Number of equidistant t from 0 to 1, all of which are written. OUT is an animated .webp or a folder "
          "for an image, a folder or a .npy [rows, steps, columns] for a table; a folder or an archive holds a "
          "folder for each step")
      ->check(CLI::Range(2, 1000));
  command
      ->add_option("--seed", options->translate.seed,
                   "Seed of the noises; the same seed and item name produce the same outputs")
      ->check(from_zero())
      ->capture_default_str();
  command
      ->add_option("--size", options->translate.size,
                   "Size of the outputs: keep (each image's own), train (crop and resize to the size of the training), "
                   "residual (each image's own: the change of a copy at the size of the training is added), "
                   "WIDTHxHEIGHT or one number; default: keep images that are larger than in training or of another "
                   "shape if the net takes any size, else train")
      ->type_name("SIZE");
  command
      ->add_option("--tile", options->translate.tile,
                   "Longest side in pixels of the tiles in which large images are translated, rounded up to what the "
                   "net needs; changes memory and, slightly, outputs; 0: automatic")
      ->check(CLI::Range(0, 16384))
      ->capture_default_str();
  command
      ->add_option("--noise", options->translate.noise,
                   "Noise of different items: item (drawn for each by its name) or fixed (the same for all, for the "
                   "frames of a video)")
      ->check(CLI::IsMember({"item", "fixed"}))
      ->capture_default_str();
  command
      ->add_option("--batch", options->translate.batch,
                   "Items per batch; changes only speed and memory; 0: 32 images or 4096 rows; images that keep their "
                   "original sizes are translated one by one")
      ->check(CLI::Range(0, 65536))
      ->capture_default_str();
  command
      ->add_option("--on-error", options->translate.on_error,
                   "Action for images that cannot be used: fail (list them) or skip; default: the recipe's")
      ->check(CLI::IsMember({"fail", "skip"}));
  command
      ->add_option(
          "--bits", options->translate.bits,
          "Bits per sample in image files: 8, 16, or auto (16 if the input has 16 and the format is PNG or TIFF, "
          "else 8)")
      ->check(CLI::IsMember({"auto", "8", "16"}))
      ->capture_default_str();
  add_z_std(*command, options->translate.state_dict);
  command->add_option(
      "--range", options->translate.range,
      "Range to which output vectors are clamped: LOW..HIGH, LOW.. or ..HIGH; default: the recipe's output.range");
  auto* grid = command->add_option("--grid", options->translate.grid,
                                   "Also write an image of the first inputs and their outputs to this file");
  command->add_option("--grid-rows", options->translate.grid_rows, "Number of inputs in the image of --grid")
      ->check(CLI::Range(1, 256))
      ->needs(grid)
      ->capture_default_str();
  command->add_option("--weights", options->translate.weights,
                      "Also write the weight of each input in the plan of an unbalanced training (.npy, .csv, .tsv); "
                      "with --inverse those of target samples");
  add_ranks(*command, options->local_ranks);
  add_common(*command, options->common);
  command->callback([&action, options] { action = [options] { return translate_command(*options); }; });
}

}  // namespace monge::cli
