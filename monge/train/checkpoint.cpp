#include "monge/train/checkpoint.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>

#include "monge/core/error.h"
#include "monge/core/file_changes.h"
#include "monge/core/format_version.h"
#include "monge/core/user_words.h"
#include "monge/io/safetensors.h"
#include "monge/train/checkpoint_name.h"

namespace monge::train {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kFormat = "monge-checkpoint";
constexpr int kVersion = 1;
constexpr const char *kOld = ".old", *kPart = ".part";

/// The iteration of "step_000500", and of ".step_000500.old", which a rewrite of the step leaves for a moment.
std::optional<int64_t> iteration_of(const fs::path& folder) {
  auto name = folder.filename().string();
  if (name.starts_with('.') && name.ends_with(kOld)) name = name.substr(1, name.size() - 1 - std::strlen(kOld));
  if (!name.starts_with("step_")) return {};
  const auto digits = name.substr(5);
  const bool number =
      !digits.empty() && digits.size() < 19 && digits.find_first_not_of("0123456789") == std::string::npos;
  return number ? std::optional<int64_t>(std::stoll(digits)) : std::nullopt;
}

/// The hash of all other fields; nlohmann's dump is canonical (sorted keys, shortest numbers).
std::string manifest_hash(json manifest) {
  manifest.erase("xxh3");
  return content_hash(manifest.dump());
}

/// @throws InputError, or json::exception where a field has another type.
json parse_manifest(const fs::path& file, const std::string& bytes) {
  auto manifest = json::parse(bytes, nullptr, /*allow_exceptions=*/false);
  require(manifest.is_object() && manifest.value("format", "") == kFormat, file.string(),
          ": is not a checkpoint's manifest");
  require_format_version(file.string(), "checkpoint", manifest.value("version", json()).dump(), kVersion);
  require(manifest.value("xxh3", "") == manifest_hash(manifest), file.string(),
          ": is damaged (its content does not match its hash)");
  return manifest;
}

/// Reads a file of the checkpoint. @throws InputError unless its size and hash are those in the manifest.
std::string verified(const fs::path& folder, const std::string& name, const json& manifest, const Files& files) {
  const auto path = folder / name;
  const auto bytes = files.read(path);
  const auto& entry = manifest.at("files").at(name);
  require(static_cast<int64_t>(bytes.size()) == entry.at("bytes").get<int64_t>(), path.string(), ": holds ",
          bytes.size(), " bytes, its manifest says ", entry.at("bytes").get<int64_t>());
  require(content_hash(bytes) == entry.at("xxh3").get<std::string>(), path.string(),
          ": is damaged (its content hash differs from the manifest's)");
  return bytes;
}

/// Renames `part` to `whole`. A step may be written again, with a new best metric or by a resumed run. Then one whole
/// folder exists at every moment: the old one, perhaps under the name `old`, or the new one.
void publish_folder(const fs::path& part, const fs::path& whole, const fs::path& old, const Files& files) {
  std::error_code ignored;
  if (!fs::exists(whole, ignored)) {
    files.publish(part, whole);
  } else if (files.exchange(part, whole)) {
    remove_tree(part, ignored);  // the old folder
  } else {
    remove_tree(old);
    rename_entry(whole, old);  // a crash here leaves a name that list_checkpoints knows
    try {
      files.publish(part, whole);
    } catch (...) {
      // Back to its name, which the link to the best checkpoint may hold. If `part` has the name already, this fails.
      rename_entry(old, whole, ignored);
      throw;
    }
  }
  remove_tree(old, ignored);
}

/// Removes what a kill during a save left under hidden names, but for a step that exists under no other name.
void remove_leftovers(const fs::path& parent) {
  std::vector<fs::path> leftovers;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(parent, ignored)) {
    const auto name = entry.path().filename().string();
    if (!name.starts_with(".step_")) continue;
    const auto step = iteration_of(entry.path());
    if (name.ends_with(kPart) || (step && fs::exists(parent / checkpoint_name(*step), ignored)))
      leftovers.push_back(entry.path());
  }
  for (const auto& path : leftovers) remove_tree(path, ignored);
}

}  // namespace

fs::path save_checkpoint(const fs::path& parent, const Checkpoint& checkpoint, const Files& files) {
  const auto name = checkpoint_name(checkpoint.iteration);
  const auto part = parent / ("." + name + kPart), whole = parent / name;

  io::TensorFile state;
  state.tensors = checkpoint.tensors;
  if (checkpoint.standardisation) {
    for (auto& entry : data::tensors_of(*checkpoint.standardisation)) state.tensors.push_back(std::move(entry));
  }
  const std::array<std::pair<std::string, std::string>, 2> contents{
      {{"state.safetensors", io::safetensors_bytes(state)}, {"recipe.toml", checkpoint.recipe_toml}}};
  json manifest{{"format", kFormat},
                {"version", kVersion},
                {"iteration", checkpoint.iteration},
                {"source_shape", checkpoint.source_shape},
                {"target_shape", checkpoint.target_shape},
                {"source_items", checkpoint.source_items},
                {"target_items", checkpoint.target_items},
                {"source_columns", checkpoint.columns.source},
                {"target_columns", checkpoint.columns.target},
                {"best_figure", checkpoint.best_metric ? json(*checkpoint.best_metric) : json()},
                {"best_iteration", checkpoint.best_iteration},
                {"ranks", checkpoint.ranks}};
  for (const auto& [key, fingerprint] : {std::pair{"source_fingerprint", &checkpoint.source_fingerprint},
                                         {"target_fingerprint", &checkpoint.target_fingerprint}}) {
    if (!fingerprint->empty()) manifest[key] = *fingerprint;
  }
  if (!checkpoint.interventions.empty()) manifest["interventions"] = to_json(checkpoint.interventions);
  if (!checkpoint.divergence_watch.empty()) manifest["divergence_watch"] = checkpoint.divergence_watch;
  if (!checkpoint.sound.empty()) manifest["sound"] = checkpoint.sound;
  if (checkpoint.evaluation_due) manifest["evaluation_due"] = true;
  try {
    remove_tree(part);
    make_folders(part);
    for (const auto& [file, bytes] : contents) {
      files.write(part / file, std::array<std::string_view, 1>{bytes});
      manifest["files"][file] = {{"bytes", bytes.size()}, {"xxh3", content_hash(bytes)}};
    }
    manifest["xxh3"] = manifest_hash(manifest);
    const auto text = manifest.dump(2) + "\n";
    files.write(part / "manifest.json", std::array<std::string_view, 1>{text});
    publish_folder(part, whole, parent / ("." + name + kOld), files);
  } catch (...) {
    std::error_code ignored;
    remove_tree(part, ignored);
    throw;
  }
  return whole;
}

Checkpoint load_checkpoint(const fs::path& folder, const Files& files) {
  const auto manifest_file = folder / "manifest.json";
  Checkpoint out;
  try {
    const auto manifest = parse_manifest(manifest_file, files.read(manifest_file));
    out.iteration = manifest.at("iteration").get<int64_t>();
    out.source_shape = manifest.at("source_shape").get<std::vector<int64_t>>();
    out.target_shape = manifest.at("target_shape").get<std::vector<int64_t>>();
    out.source_items = manifest.at("source_items").get<int64_t>();
    out.target_items = manifest.at("target_items").get<int64_t>();
    if (!manifest.at("best_figure").is_null()) out.best_metric = manifest.at("best_figure").get<double>();
    out.best_iteration = manifest.at("best_iteration").get<int64_t>();
    // Checkpoints that were saved before tables had column names lack these keys.
    out.columns.source = manifest.value("source_columns", std::vector<std::string>());
    out.columns.target = manifest.value("target_columns", std::vector<std::string>());
    // Images and endless laws have no fingerprint, and older checkpoints lack the key.
    out.source_fingerprint = manifest.value("source_fingerprint", std::string());
    out.target_fingerprint = manifest.value("target_fingerprint", std::string());
    out.ranks = manifest.value("ranks", int64_t{1});  // checkpoints from before there were several ranks lack it
    // These keys are newer than the first checkpoints, and absent while there is nothing to say.
    out.interventions = interventions_from(manifest.value("interventions", json::array()));
    out.divergence_watch = manifest.value("divergence_watch", std::vector<double>());
    out.sound = manifest.value("sound", std::vector<int64_t>());
    out.evaluation_due = manifest.value("evaluation_due", false);
    out.recipe_toml = verified(folder, "recipe.toml", manifest, files);
    const auto bytes = verified(folder, "state.safetensors", manifest, files);
    out.tensors = io::parse_safetensors(bytes, (folder / "state.safetensors").string()).tensors;
    out.standardisation = data::take_standardisation(out.tensors, (folder / "state.safetensors").string());
  } catch (const json::exception& error) {
    throw InputError(text(manifest_file.string(), ": is damaged: ", error.what()));
  }
  return out;
}

bool is_checkpoint(const fs::path& folder) {
  std::error_code ignored;
  const auto manifest = folder / "manifest.json";
  return fs::is_regular_file(manifest, ignored) && real_files().read(manifest).find(kFormat) != std::string::npos;
}

std::vector<fs::path> list_checkpoints(const fs::path& parent) {
  std::map<int64_t, fs::path> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(parent, ignored)) {
    const auto iteration = iteration_of(entry.path());
    if (!iteration) continue;
    auto& folder = found[*iteration];
    if (folder.empty() || folder.extension() == kOld) folder = entry.path();
  }
  std::vector<fs::path> out;
  for (auto& entry : found) out.push_back(std::move(entry.second));
  return out;
}

Checkpoint load_newest(const fs::path& parent, const LogSink& log, const Files& files) {
  auto folders = list_checkpoints(parent);
  require(!folders.empty(), parent.string(), ": has no checkpoint yet; start the run again with ",
          user_word("session::train()"));
  std::string complaints;
  for (auto folder = folders.rbegin(); folder != folders.rend(); ++folder) {
    try {
      return load_checkpoint(*folder, files);
    } catch (const Error& error) {
      complaints += text("\n  ", error.what());
      if (folder + 1 != folders.rend()) {
        log(LogLevel::warning,
            text(error.what(), "; falling back to the previous checkpoint, ", (folder + 1)->filename().string()));
      }
    }
  }
  throw InputError(text(parent.string(), ": no checkpoint can be used:", complaints));
}

void set_aside_newer(const fs::path& parent, int64_t iteration, const std::string& word, const fs::path& spare) {
  for (const auto& folder : list_checkpoints(parent)) {
    const int64_t step = *iteration_of(folder);
    if (step <= iteration) continue;
    const auto aside = parent / aside_name(word, checkpoint_name(step));
    std::error_code ignored;
    if (aside.filename() == spare.filename()) {
      remove_tree(folder, ignored);
      continue;
    }
    remove_tree(aside, ignored);
    rename_entry(folder, aside, ignored);
  }
  remove_leftovers(parent);
}

void prune_checkpoints(const fs::path& parent, int64_t keep, const fs::path& spare, const std::vector<int64_t>& sound) {
  const auto folders = list_checkpoints(parent);
  for (size_t i = 0; i + static_cast<size_t>(keep) < folders.size(); ++i) {
    std::error_code ignored;
    const auto iteration = iteration_of(folders[i]);
    const bool is_sound = std::find(sound.begin(), sound.end(), *iteration) != sound.end();
    if (iteration != iteration_of(spare) && !is_sound) remove_tree(folders[i], ignored);
  }
  remove_leftovers(parent);
}

}  // namespace monge::train
