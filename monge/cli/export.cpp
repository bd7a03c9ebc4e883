// monge export: writes the map alone, for other programs.
#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "monge/cli/command.h"
#include "monge/cli/state_dict_options.h"
#include "monge/core/error.h"
#include "monge/model/model.h"
#include "monge/model/noise_inputs.h"
#include "monge/model/onnx_export.h"
#include "monge/model/pretrained.h"
#include "monge/model/public_checkpoint.h"
#include "monge/session/model_card.h"
#include "monge/session/translation.h"
#include "monge/train/checkpoint.h"

namespace monge::cli {

namespace {

/// Warns of the properties of this map that a state dict cannot hold, and says how to restore them.
void warn_of_losses(const model::Model& model, const std::string& out, const LogSink& log) {
  if (!model.recipe) return;
  const auto& map = model.recipe->map;
  if (map.residual || map.output != "none" || map.patch > 1) {
    log(LogLevel::warning,
        text(out, ": a state dict cannot record that this map has map.residual = ", map.residual ? "true" : "false",
             ", map.output = \"", map.output, "\", map.patch = ", map.patch,
             "; a program that loads it must apply these settings, and monge would load it as another map "
             "(--to safetensors keeps them)"));
  }
  if (model.noise.channels > 0) {
    const auto& section = model.noise.section;
    log(LogLevel::warning,
        text(out, ": a state dict cannot record that this map's noise has ", section, ".z_std = ", model.noise.std,
             " and was trained with ", section, ".z = ", model.noise.samples_per_input,
             "; restore the former with --z-std ", model.noise.std, " (--to safetensors keeps both)"));
  }
  if (model.sample_weights) {
    log(LogLevel::warning,
        text(out,
             ": a state dict of the map has no potential, without which unbalanced samples have no weights "
             "(--to safetensors keeps it)"));
  }
  if (model.smoothing.eps > 0) {
    log(LogLevel::warning,
        text(out, ": a state dict cannot record that this map's inputs are smoothed with noise of level ",
             model.smoothing.eps, "; a program that loads it must smooth them too (--to safetensors keeps the level)"));
  }
}

struct ExportCommand {
  Common common;
  std::string model, to = "safetensors", out;
  std::vector<std::string> assignments;  ///< for safetensors alone
  // For ONNX alone.
  bool inverse = false, deterministic = false;
  model::OnnxOptions onnx;
  session::StateDictOptions state_dict;
};

/// A kind of file that a map is exported to.
struct Format {
  std::vector<std::string> extensions;
  std::string default_name() const { return "map" + extensions.front(); }
};

const Format& format_named(const std::string& name) {
  static const std::map<std::string, Format> formats{
      {"safetensors", {{".safetensors"}}}, {"torch", {{".pt", ".pth"}}}, {"onnx", {{".onnx"}}}};
  return formats.at(name);
}

/// @throws InputError for a file that must not be written.
void check_out(const ExportCommand& command, const std::string& out) {
  const std::filesystem::path path = out;
  const auto& extensions = format_named(command.to).extensions;
  require(std::find(extensions.begin(), extensions.end(), path.extension()) != extensions.end(), "--out ", out,
          ": the name must end in ", join(extensions, " or "), " for --to ", command.to);
  require(!train::is_checkpoint(path.parent_path()), "--out ", out,
          ": this folder is a checkpoint, whose files must not change; choose another folder");
  // Overwriting the model would lose what its file holds besides the map.
  std::error_code ignored;
  require(!std::filesystem::equivalent(model::split_key(model::resolve_model(command.model)).file, path, ignored),
          "--out ", out, ": is the model itself; choose another file");
}

/// @throws InputError for an option that the format does not have.
void check_options(const ExportCommand& command) {
  require(command.to == "safetensors" || command.assignments.empty(), "--set is for --to safetensors; ",
          "other files hold no recipe");
  if (command.to == "onnx") return;
  const std::pair<const char*, bool> given[] = {{"--inverse", command.inverse},
                                                {"--deterministic", command.deterministic},
                                                {"--float64", command.onnx.float64},
                                                {"--opset", command.onnx.opset != model::OnnxOptions().opset},
                                                {"--z-std", command.state_dict.z_std > 0}};
  for (const auto& [flag, is_given] : given)
    require(!is_given, flag, " is for --to onnx; a file of weights holds neither inputs nor directions");
}

/// Warns of what the graph of this map leaves out.
void warn_of_graph(const model::Model& model, const std::string& out, bool float64, const LogSink& log) {
  if (model.sample_weights) {
    log(LogLevel::warning,
        text(out,
             ": holds the map alone, without the potential that gives unbalanced samples their weights "
             "(--to safetensors keeps it)"));
  }
  if (const auto columns = model::columns_beyond_float32(model); !columns.empty() && !float64) {
    const auto number = static_cast<size_t>(columns.front());
    const auto& names = model.columns.source;
    const auto column = number < names.size() ? '"' + names[number] + '"' : std::to_string(number + 1);
    log(LogLevel::warning,
        text(out, ": column ", column, columns.size() > 1 ? text(" and ", columns.size() - 1, " more") : "",
             " lies so far from 0 that float32 rounds off digits that matter; --float64 keeps them"));
  }
}

model::Model model_to_export(const ExportCommand& command, const LogSink& log) {
  auto model = model::load_model(command.model, torch::kCPU, log);
  if (command.to == "safetensors") {
    model = session::with_card(std::move(model), command.assignments);
    if (!model.evaluation) {
      log(LogLevel::info, text(model.origin, ": there is no evaluation of iteration ", model.iteration,
                               " with these outputs, so the file will hold no metrics"));
    }
  }
  if (command.to != "onnx") return model;
  session::apply_state_dict_options(command.state_dict, model);
  if (command.inverse) model = model.inverse();
  model.deterministic = command.deterministic;
  return model;
}

nlohmann::ordered_json json_of(const ExportCommand& command, const model::Model& model, const std::string& out,
                               bool replaces) {
  nlohmann::ordered_json line{
      {"model", model.origin}, {"to", command.to}, {"out", out}, {"parameters", nn::parameter_count(*model.net)}};
  if (command.to == "onnx") {
    std::vector<std::string> inputs{"x"};
    for (const auto& noise : model::noise_inputs(model)) inputs.push_back(noise.name);
    line["opset"] = command.onnx.opset;
    line["inputs"] = inputs;
    line["outputs"] = {"y"};
  }
  line["replaced"] = int{replaces};
  return line;
}

int export_command(const ExportCommand& command) {
  end_on_signals();
  const auto log = log_sink(command.common);
  const std::string out = command.out.empty() ? format_named(command.to).default_name() : command.out;
  check_options(command);
  const auto model = model_to_export(command, log);
  check_out(command, out);
  const std::filesystem::path path = out;
  std::error_code ignored;
  const bool replaces = std::filesystem::exists(path, ignored);
  if (path.has_parent_path()) make_writable_folder(path.parent_path());
  if (command.to == "torch") {
    model::export_torch(model, out);
    warn_of_losses(model, out, log);
  } else if (command.to == "onnx") {
    model::export_onnx(model, out, command.onnx);
    warn_of_graph(model, out, command.onnx.float64, log);
  } else {
    model::export_safetensors(model, out);
  }
  if (command.common.json) {
    print_json(json_of(command, model, out, replaces));
  } else {
    std::cout << out << std::endl;
    if (replaces) log(LogLevel::info, text(out, ": replaced the existing file"));
  }
  return kDone;
}

}  // namespace

void add_export(CLI::App& program, Action& action) {
  auto* command =
      program.add_subcommand("export", "Write only the map of a model, as a safetensors, torch.save or ONNX file");
  auto options = std::make_shared<ExportCommand>();
  command
      ->add_option("MODEL", options->model,
                   "Run directory, checkpoint folder (RUN/best), model file or name of a pretrained model")
      ->required();
  command
      ->add_option("--to", options->to,
                   "safetensors: weights with the recipe; torch: a state dict with the keys of the public codes; onnx: "
                   "a graph from raw inputs to raw outputs that other programs run")
      ->check(CLI::IsMember({"safetensors", "torch", "onnx"}))
      ->capture_default_str();
  command
      ->add_option("--set", options->assignments,
                   "safetensors: KEY=VALUE of what the file tells about the map: name, card.*, output.*, "
                   "source.path, target.path, eval.source, eval.target, train.init (repeatable)")
      ->allow_extra_args(false);
  command->add_option("--out", options->out,
                      "File to write; default: map.safetensors, map.pt or map.onnx in the working folder");
  command->add_flag("--inverse", options->inverse,
                    "onnx: the map back, from the target to the source, of a model of train.directions = \"both\"");
  command->add_flag("--deterministic", options->deterministic,
                    "onnx: all noises are zero, so the file has no noise inputs");
  command->add_flag("--float64", options->onnx.float64,
                    "onnx: inputs and outputs are float64, for a model with data.standardise whose columns lie far "
                    "from 0");
  command->add_option("--opset", options->onnx.opset, "onnx: version of the operators")
      ->check(CLI::Range(io::kLeastOpset, io::kMostOpset))
      ->capture_default_str();
  add_z_std(*command, options->state_dict);
  add_common(*command, options->common);
  command->callback([&action, options] { action = [options] { return export_command(*options); }; });
}

}  // namespace monge::cli
