// monge export: writes the map alone, for other programs.
#include <iostream>
#include <memory>

#include "monge/cli/command.h"
#include "monge/core/error.h"
#include "monge/model/model.h"
#include "monge/model/public_checkpoint.h"
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

}  // namespace

void add_export(CLI::App& program, Action& action) {
  auto* command =
      program.add_subcommand("export", "Write only the map of a model, as a safetensors or torch.save file");
  struct Options {
    Common common;
    std::string model, to = "safetensors", out;
  };
  auto options = std::make_shared<Options>();
  command->add_option("MODEL", options->model, "Run directory, checkpoint folder (RUN/best) or model file")->required();
  command
      ->add_option("--to", options->to,
                   "safetensors: weights with the recipe; torch: a state dict with the keys of the public codes")
      ->check(CLI::IsMember({"safetensors", "torch"}))
      ->capture_default_str();
  command->add_option("--out", options->out, "File to write; default: map.safetensors or map.pt in the working folder");
  add_common(*command, options->common);
  command->callback([&action, options] {
    action = [options] {
      const auto log = log_sink(options->common);
      const auto model = model::load_model(options->model, torch::kCPU, log);
      const bool torch_file = options->to == "torch";
      const std::string out = !options->out.empty() ? options->out : torch_file ? "map.pt" : "map.safetensors";
      const std::filesystem::path path = out;
      const auto extension = path.extension().string();
      require(torch_file ? extension == ".pt" || extension == ".pth" : extension == ".safetensors", "--out ", out,
              ": the name must end in ", torch_file ? ".pt or .pth" : ".safetensors", " for --to ", options->to);
      require(!train::is_checkpoint(path.parent_path()), "--out ", out,
              ": this folder is a checkpoint, whose files must not change; choose another folder");
      // Overwriting the model would lose what its file holds besides the map.
      std::error_code ignored;
      require(!std::filesystem::equivalent(model::split_key(options->model).file, path, ignored), "--out ", out,
              ": is the model itself; choose another file");
      const bool replaces = std::filesystem::exists(path, ignored);
      if (path.has_parent_path()) make_writable_folder(path.parent_path());
      if (torch_file) {
        model::export_torch(model, out);
        warn_of_losses(model, out, log);
      } else {
        model::export_safetensors(model, out);
      }
      if (options->common.json) {
        print_json({{"model", model.origin},
                    {"to", options->to},
                    {"out", out},
                    {"parameters", nn::parameter_count(*model.net)},
                    {"replaced", int{replaces}}});
      } else {
        std::cout << out << std::endl;
        if (replaces) log(LogLevel::info, text(out, ": replaced the existing file"));
      }
      return int{kDone};
    };
  });
}

}  // namespace monge::cli
