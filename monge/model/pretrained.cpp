#include "monge/model/pretrained.h"

#include <algorithm>
#include <map>

#include "monge/core/error.h"
#include "monge/core/nearest.h"
#include "monge/core/quoting.h"
#include "monge/core/user_folders.h"
#include "monge/core/user_words.h"
#include "monge/io/safetensors.h"
#include "monge/model/model_format.h"
#include "monge/model/public_checkpoint.h"
#include "monge/train/recipe.h"

namespace monge::model {
namespace {

namespace fs = std::filesystem;

/// @throws InputError for a file that is no exported model.
PretrainedModel read_card(const std::string& name, const fs::path& path) {
  PretrainedModel out{.name = name, .path = path};
  const auto metadata = io::read_safetensors_metadata(path);
  require_known_format(metadata, path.string());
  const auto recipe = metadata.find("monge.recipe");
  require(recipe != metadata.end(), path.string(), ": has no \"monge.recipe\" in its metadata, so it is not a model");
  const auto card = train::saved_recipe(recipe->second, path.string()).card;
  std::error_code failure;
  out.bytes = static_cast<int64_t>(fs::file_size(path, failure));
  require(!failure, path.string(), ": ", failure.message());
  out.title = card.title;
  out.licence = card.licence;
  return out;
}

/// The names and paths of the files in `folders` that are named like pretrained models. Reports those whose names are
/// not allowed.
std::map<std::string, fs::path> files_by_name(const std::vector<fs::path>& folders, const LogSink& log) {
  std::map<std::string, fs::path> out;
  for (const auto& folder : folders) {
    std::error_code failure;
    for (auto entry = fs::directory_iterator(folder, failure); !failure && entry != fs::directory_iterator();
         entry.increment(failure)) {
      const auto& path = entry->path();
      std::error_code ignored;
      if (path.extension() != kModelExtension || !entry->is_regular_file(ignored)) continue;
      const auto name = path.stem().string();
      if (is_model_name(name)) {
        out.emplace(name, path);
      } else if (!name.starts_with('.')) {  // hidden files are those of a fetch
        log(LogLevel::warning, text("left out: ", path.string(),
                                    ": the name has characters other than letters, digits, \"-\", \"_\" and \".\""));
      }
    }
  }
  return out;
}

}  // namespace

bool is_model_name(std::string_view name) {
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  const auto is_allowed = [&](char c) { return is_plain(c) || c == '-' || c == '_' || c == '.'; };
  const auto is_file = [name](const char* extension) { return name.ends_with(extension); };
  return !name.empty() && name.size() <= 100 && is_plain(name[0]) &&
         std::all_of(name.begin(), name.end(), is_allowed) && !is_file(kModelExtension) && !is_file(".pt") &&
         !is_file(".pth");
}

fs::path model_path(const fs::path& folder, const std::string& name) { return folder / (name + kModelExtension); }

std::vector<fs::path> model_folders(const fs::path& flag) {
  auto out = user_folders(flag, "MONGE_MODELS", "models");
  if (const auto folder = installation_folder(); !folder.empty()) {
    // A prefix keeps data in share; a Python package (monge/lib) and a build folder keep the models beside the library.
    const auto name = folder.filename(), parent = folder.parent_path().filename();
    const bool is_prefix = name == "bin" || (name.string().starts_with("lib") && parent != "monge");
    out.push_back(folder.parent_path() / (is_prefix ? "share/monge/models" : "models"));
  }
  return out;
}

fs::path folder_for_fetched_models(const fs::path& flag) {
  const auto folders = user_folders(flag, "MONGE_MODELS", "models");
  if (!folders.empty()) return folders.front();
  throw InputError(
      {.what = "no folder for models is known: HOME is not set",
       .fix = "name one with " + user_word("model::folder_for_fetched_models(folder)") + " or MONGE_MODELS"});
}

std::vector<PretrainedModel> pretrained_models(const std::vector<fs::path>& folders, const LogSink& log) {
  std::vector<PretrainedModel> out;
  for (const auto& [name, path] : files_by_name(folders, log)) {
    try {
      out.push_back(read_card(name, path));
    } catch (const Error& error) {
      const std::string what = error.what();
      const bool names_file = what.find(path.string()) != std::string::npos;
      log(LogLevel::warning, text("left out: ", names_file ? "" : path.string() + ": ", what));
    }
  }
  return out;
}

fs::path resolve_model(const fs::path& path, const std::string& where) {
  const auto split = split_key(path);
  std::error_code ignored;
  if (fs::exists(split.file, ignored)) return path;
  const auto name = split.file.string();
  std::vector<std::string> known;
  if (is_model_name(name)) {
    for (const auto& [other, file] : files_by_name(model_folders(), silent())) {
      if (other == name) return file.string() + path.string().substr(name.size());
      known.push_back(other);
    }
  }
  const auto suggested = suggestion(name, known);
  const auto names = known.empty() ? "" : " (" + join(known) + ")";
  throw InputError(
      {.what = "no such model",
       .where = where,
       .value = '"' + printable(name) + '"',
       .allowed = "a run directory, a checkpoint folder, a .safetensors, .pt or .pth file, or the name of a "
                  "pretrained model" +
                  names,
       .fix = !suggested.empty() ? suggested
              : is_model_name(name)
                  ? "see " + user_word("model::pretrained_models()") + " for the names and the folders"
                  : ""});
}

}  // namespace monge::model
