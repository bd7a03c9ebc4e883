#include "monge/model/pretrained.h"

#include <algorithm>
#include <map>

#include "monge/core/error.h"
#include "monge/core/nearest.h"
#include "monge/core/quoting.h"
#include "monge/core/user_folders.h"
#include "monge/core/user_words.h"
#include "monge/io/safetensors.h"
#include "monge/model/public_checkpoint.h"
#include "monge/train/recipe.h"

namespace monge::model {
namespace {

namespace fs = std::filesystem;

constexpr const char* kExtension = ".safetensors";

/// @throws InputError for a file that is no exported model.
PretrainedModel read_card(const std::string& name, const fs::path& path) {
  PretrainedModel out{.name = name, .path = path};
  const auto metadata = io::read_safetensors_metadata(path);
  const auto recipe = metadata.find("monge.recipe");
  require(recipe != metadata.end(), path.string(), ": has no \"monge.recipe\" in its metadata, so it is not a model");
  const auto card = train::saved_recipe(recipe->second, path.string()).card;
  out.bytes = static_cast<int64_t>(fs::file_size(path));
  out.title = card.title;
  out.licence = card.licence;
  return out;
}

/// The names and paths of the files in `folders` that are named like pretrained models.
std::map<std::string, fs::path> files_by_name(const std::vector<fs::path>& folders) {
  std::map<std::string, fs::path> out;
  for (const auto& folder : folders) {
    std::error_code failure;
    for (auto entry = fs::directory_iterator(folder, failure); !failure && entry != fs::directory_iterator();
         entry.increment(failure)) {
      const auto& path = entry->path();
      std::error_code ignored;
      if (path.extension() != kExtension || !entry->is_regular_file(ignored)) continue;
      if (const auto name = path.stem().string(); is_model_name(name)) out.emplace(name, path);
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
         std::all_of(name.begin(), name.end(), is_allowed) && !is_file(kExtension) && !is_file(".pt") &&
         !is_file(".pth");
}

std::vector<fs::path> model_folders(const fs::path& flag) {
  auto out = user_folders(flag, "MONGE_MODELS", "models");
  if (const auto folder = installation_folder(); !folder.empty()) {
    // Beside the folder of the library in a Python package and in a build; where programs keep data in a prefix.
    out.push_back(folder.parent_path() / "models");
    out.push_back(folder.parent_path() / "share/monge/models");
  }
  return out;
}

std::vector<PretrainedModel> pretrained_models(const std::vector<fs::path>& folders, const LogSink& log) {
  std::vector<PretrainedModel> out;
  for (const auto& [name, path] : files_by_name(folders)) {
    try {
      out.push_back(read_card(name, path));
    } catch (const Error& error) {
      log(LogLevel::warning, text("left out: ", error.what()));
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
    for (const auto& [other, file] : files_by_name(model_folders())) {
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
