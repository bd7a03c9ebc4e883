// monge models: lists, shows, fetches and publishes pretrained models.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <memory>
#include <optional>
#include <string_view>

#include "monge/cli/command.h"
#include "monge/cli/megabytes.h"
#include "monge/core/error.h"
#include "monge/core/file_name.h"
#include "monge/core/files.h"
#include "monge/core/names.h"
#include "monge/core/nearest.h"
#include "monge/core/number.h"
#include "monge/core/quoting.h"
#include "monge/model/model.h"
#include "monge/model/model_index.h"
#include "monge/model/pretrained.h"
#include "monge/session/model_card.h"
#include "monge/session/summary.h"

namespace monge::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

struct ModelsCommand {
  Common common;
  std::vector<std::string> names;  ///< fetch: names or addresses; show and index: one
  int64_t most_gb = 16;            ///< fetch
  std::string folder, url, image;
  bool recipe = false;
};

// ---- list ----

/// Untrusted text as a part of one line, of at most `most` bytes.
std::string in_one_line(const std::string& text, size_t most) {
  auto out = printable(text);
  std::replace_if(out.begin(), out.end(), [](char c) { return c == '\n' || c == '\t'; }, ' ');
  return out.size() <= most ? out : std::string(shortened(out, most - 3)) + "...";
}

void print_row(const std::string& name, int64_t bytes, const std::string& licence, const std::string& title,
               const std::string& place) {
  std::printf("%-18s %9s  %-14s %-44s %s\n", name.c_str(), size_text(bytes).c_str(), in_one_line(licence, 20).c_str(),
              in_one_line(title, 60).c_str(), printable(place).c_str());
}

int list(const ModelsCommand& command) {
  const auto log = log_sink(command.common);
  const auto folders = model::model_folders(command.folder);
  const auto models = model::pretrained_models(folders, log);
  if (!command.common.json) std::printf("%-18s %9s  %-14s %-44s %s\n", "name", "size", "licence", "title", "file");
  for (const auto& model : models) {
    if (command.common.json) {
      print_json({{"name", model.name},
                  {"path", model.path.string()},
                  {"bytes", model.bytes},
                  {"licence", model.licence},
                  {"title", model.title}});
    } else {
      print_row(model.name, model.bytes, model.licence, model.title, model.path.string());
    }
  }
  if (!command.url.empty()) {
    watch_signals();
    const auto index = model::fetch_model_index(command.url, {.stop = &stop_flag()});
    if (!index) {
      log(LogLevel::warning, "stopped");
      return kStopped;
    }
    for (const auto& model : *index) {
      if (command.common.json) {
        print_json({{"name", model.name},
                    {"path", nullptr},
                    {"bytes", model.bytes},
                    {"licence", model.licence},
                    {"title", model.title},
                    {"sha256", model.sha256}});
      } else {
        print_row(model.name, model.bytes, model.licence, model.title, "at " + fetch::without_credentials(command.url));
      }
    }
  }
  if (command.common.json || command.common.quiet) return kDone;
  std::vector<std::string> places;
  for (const auto& folder : folders) places.push_back(printable(folder.lexically_normal().string()));
  std::printf("\nFolders searched: %s.\n%s", join(places).c_str(),
              models.empty() ? "No models were found. monge models fetch fetches one; script/models trains those of "
                               "the project.\n"
                             : "monge models show NAME shows a card; monge translate NAME IN OUT applies a model.\n");
  return kDone;
}

// ---- show ----

/// "label   text", with the text broken into lines of up to 100 characters.
void print_field(const std::string& label, const std::string& text) {
  constexpr size_t kWidth = 100;
  std::string rest = in_one_line(text, std::string::npos), heading = label;
  while (!rest.empty()) {
    const auto space = rest.size() <= kWidth ? rest.size() : rest.rfind(' ', kWidth);
    const auto line =
        space == std::string::npos || space == 0 ? shortened(rest, kWidth) : std::string_view(rest).substr(0, space);
    std::printf("%-14s %.*s\n", heading.c_str(), static_cast<int>(line.size()), line.data());
    const auto next = line.size() < rest.size() && rest[line.size()] == ' ' ? line.size() + 1 : line.size();
    rest.erase(0, next);
    heading.clear();
  }
}

std::string with_licence(const ordered_json& side) {
  if (side["data"].is_null()) return side["licence"].is_null() ? "" : side["licence"].get<std::string>();
  const auto data = side["data"].get<std::string>();
  return side["licence"].is_null() ? data : data + " (" + side["licence"].get<std::string>() + ")";
}

std::string number_text(const ordered_json& value) {
  return value.is_number() && std::isfinite(value.get<double>()) ? number(value.get<double>()) : "not measurable";
}

/// One line a metric; its floor and its value at the start, if there are any, beside it.
void print_metrics(const ordered_json& metrics) {
  for (const auto& [name, value] : metrics.items()) {
    if (name.ends_with("_floor") || name.ends_with("_start")) continue;
    auto line = number_text(value);
    const auto stem = name.ends_with("_error") ? name.substr(0, name.size() - 6) : name;
    std::string beside;
    for (const char* what : {"floor", "start"}) {
      const auto found = metrics.find(stem + "_" + what);
      if (found != metrics.end()) beside += (beside.empty() ? "" : ", ") + text(what, " ", number_text(*found));
    }
    if (!beside.empty()) line += " (" + beside + ")";
    std::printf("  %-22s %s\n", in_one_line(name, 60).c_str(), line.c_str());
  }
}

std::string training_line(const ordered_json& card) {
  std::string out;
  if (!card["method"].is_null()) out = "method " + card["method"].get<std::string>() + ", ";
  const auto& shape = card["item_shape"];
  const auto items = shape.size() == 1
                         ? text("vectors of ", shape[0], " columns")
                         : text(shape[0] == 1 ? "grey" : "colour", " images of ",
                                shape[2] == 0 ? std::string("any size") : text(shape[2], " x ", shape[1], " pixels"));
  if (card["iterations"] > 0) out += text(card["iterations"], " iterations, ");
  out += items + ", map ";
  if (!card["net"].is_null()) out += card["net"].get<std::string>() + " ";
  return out + text("of ", card["parameters"], " parameters");
}

void print_card(const ordered_json& card, const model::Model& model) {
  const auto field = [&](const char* label, const char* key) {
    if (!card[key].is_null()) print_field(label, card[key].get<std::string>());
  };
  field("name", "name");
  field("title", "title");
  field("about", "description");
  field("licence", "licence");
  print_field("source", with_licence(card["source"]));
  print_field("target", with_licence(card["target"]));
  field("credit", "credit");
  print_field("training", training_line(card));
  print_field("outputs",
              card["stochastic"] == true ? "several per input (--samples), drawn with --seed" : "one per input");
  if (card["has_inverse"] == true) print_field("inverse", "the map back, by --inverse");
  if (!card["metrics"].is_null()) {
    const auto& protocol = card["protocol"];
    const bool held_out = protocol.contains("source") || protocol.value("holdout", "0") != "0";
    const auto samples =
        protocol.contains("samples") ? "on up to " + protocol["samples"].get<std::string>() + " samples" : "";
    print_field("metrics", samples + (held_out ? " that the training has not seen" : ""));
    print_metrics(card["metrics"]);
  }
  field("verdict", "verdict");
  print_field("file", model.origin);
}

int show(const ModelsCommand& command) {
  end_on_signals();
  const auto& name = command.names.front();
  const auto log = log_sink(command.common);
  const auto model = model::load_model(name, torch::kCPU, log);
  const auto evaluation = session::evaluation_of(model);
  if (!command.image.empty()) {
    require(evaluation && !evaluation->image.empty(), model.origin, ": holds no image of inputs and outputs; ",
            "samples.every of the recipe makes them in a training");
    require(fs::path(command.image).extension() == ".png", "--image ", command.image, ": must name a .png file");
    std::error_code ignored;
    const bool replaces = fs::exists(command.image, ignored);
    real_files().replace(command.image, evaluation->image);
    if (replaces) log(LogLevel::info, command.image + ": replaced the existing file");
  }
  if (command.recipe) {
    require(model.recipe.has_value(), model.origin, ": this state dict has no recipe");
    std::cout << train::Recipe(*model.recipe).options().to_toml(false);
    return kDone;
  }
  auto card = session::model_card(model, evaluation);
  if (command.common.json) {
    card["file"] = model.origin;
    card["image"] = evaluation && !evaluation->image.empty();
    std::cout << session::json_text(card) << std::endl;
    return kDone;
  }
  print_card(card, model);
  if (command.common.quiet) return kDone;
  std::printf("\nmonge translate %s IN OUT%s\n", shell_quoted(name).c_str(), model.stochastic() ? " --samples 4" : "");
  if (evaluation && !evaluation->image.empty() && command.image.empty())
    std::printf("monge models show %s --image samples.png writes its inputs and outputs\n", shell_quoted(name).c_str());
  return kDone;
}

// ---- fetch ----

int fetch(const ModelsCommand& command) {
  const auto log = log_sink(command.common);
  const auto folder = model::folder_for_fetched_models(command.folder);
  watch_signals();
  for (const auto& name : command.names) {
    const auto located = model::locate_model(name, command.url, {.stop = &stop_flag()});
    if (!located) {
      log(LogLevel::warning, "stopped");
      return kStopped;
    }
    const auto& address = *located;
    make_writable_folder(folder);
    const auto got = model::fetch_model(address, folder,
                                        {.most_bytes = command.most_gb * 1000000000,
                                         .progress = megabytes(command.common, "fetching " + address.name),
                                         .stop = &stop_flag()});
    if (!got.complete) {
      log(LogLevel::warning,
          text("stopped; ", got.bytes, " bytes of ", address.name, " are kept; run the same command again to resume"));
      return kStopped;
    }
    const auto path = model::model_path(folder, address.name).string();
    if (command.common.json) {
      print_json({{"name", address.name}, {"path", path}, {"bytes", got.bytes}, {"sha256", got.sha256}});
    } else {
      std::cout << path << std::endl;
      log(LogLevel::info, text(address.name, ": fetched and checked; monge models show ",
                               command.folder.empty() ? address.name : shell_quoted(path), " shows its card"));
    }
  }
  return kDone;
}

// ---- index ----

int index(const ModelsCommand& command) {
  const auto& folder = command.names.front();
  const auto models = model::write_model_index(folder, log_sink(command.common));
  for (const auto& model : models) {
    if (command.common.json) {
      print_json({{"name", model.name},
                  {"bytes", model.bytes},
                  {"sha256", model.sha256},
                  {"licence", model.licence},
                  {"title", model.title}});
    } else {
      std::printf("%s  %s\n", model.sha256.c_str(), model.name.c_str());
    }
  }
  return kDone;
}

}  // namespace

void add_models(CLI::App& program, Action& action) {
  auto* command = program.add_subcommand("models", "List, show, fetch and publish pretrained models");
  command->require_subcommand(1);
  command->footer(
      "A pretrained model is a file NAME.safetensors in a folder that is searched; every command takes its name for a "
      "model. Only fetch, and list with --url, use the network. Folders searched, in this order: --models, "
      "MONGE_MODELS, "
      "the user's cache, the installation. See docs/models.md");
  const auto add = [&](const char* name, const char* help, int (*run)(const ModelsCommand&)) {
    auto* sub = command->add_subcommand(name, help);
    auto options = std::make_shared<ModelsCommand>();
    add_output_flags(*sub, options->common);
    sub->callback([&action, options, run] { action = [options, run] { return run(*options); }; });
    return std::pair{sub, options};
  };
  const char* folder_help = "Folder of model files that is searched first";
  const auto [all, all_options] = add("list", "Print the models in the folders that are searched", list);
  all->add_option("--models", all_options->folder, folder_help);
  all->add_option("--url", all_options->url, "Also those of the index at this address, a folder");
  const auto [one, one_options] = add("show", "Print the card of a model: data, licence, training, metrics", show);
  one->add_option("MODEL", one_options->names, "Name, model file, run directory or checkpoint folder")
      ->required()
      ->expected(1);
  one->add_option("--image", one_options->image, "Also write its image of inputs and outputs to this .png file");
  one->add_flag("--recipe", one_options->recipe, "Print the recipe of its training instead")
      ->excludes(one->get_option("--json"));
  const auto [get, get_options] = add("fetch", "Fetch models by name, or by the address of a model file", fetch);
  get->add_option("NAME", get_options->names, "Names of the index, or addresses that end in NAME.safetensors")
      ->required();
  get->add_option("--url", get_options->url,
                  "Address of a folder with an index (http, https, file); default: MONGE_MODELS_URL");
  get->add_option("--models", get_options->folder, "Folder to write to; default: the first that is searched");
  get->add_option("--most-gb", get_options->most_gb, "Maximum size of a model file, in GB; larger ones are refused")
      ->check(CLI::Range(int64_t{1}, int64_t{1000000}))
      ->capture_default_str();
  const auto [publish, publish_options] =
      add("index", "Write FOLDER/index.json, so that others can fetch the models of the folder by name", index);
  publish->add_option("FOLDER", publish_options->names, "Folder of model files")->required()->expected(1);
}

}  // namespace monge::cli
