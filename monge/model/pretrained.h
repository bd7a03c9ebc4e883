// Pretrained models: model files that are found by name.
//
// A pretrained model is a file NAME.safetensors as export_safetensors writes it, in one of model_folders(). Its
// recipe's [card] says what it does and under which licence.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "monge/core/log.h"

namespace monge::model {

inline constexpr const char* kModelExtension = ".safetensors";

/// Whether `name` can be the name of a pretrained model: 1 to 100 letters, digits, '-', '_' and '.', beginning with a
/// letter or digit, and not ending like a model file.
bool is_model_name(std::string_view name);

/// FOLDER/NAME.safetensors, the file of a pretrained model.
std::filesystem::path model_path(const std::filesystem::path& folder, const std::string& name);

/// The folders that are searched, in this order: `flag` (named by the user; may be empty), those of MONGE_MODELS
/// (separated by ':'), monge/models in the user's cache (XDG_CACHE_HOME, else ~/.cache), and the folder of the
/// installation. They need not exist.
std::vector<std::filesystem::path> model_folders(const std::filesystem::path& flag = {});

/// The folder that a fetch writes to: the first of these, unless that is the installation's.
/// @throws InputError without a flag, MONGE_MODELS, XDG_CACHE_HOME and HOME.
std::filesystem::path folder_for_fetched_models(const std::filesystem::path& flag = {});

struct PretrainedModel {
  std::string name;
  std::filesystem::path path;
  int64_t bytes = 0;
  std::string title = {}, licence = {};  ///< of its card; may be empty
};

/// The models in `folders`, by name; of equal names the first folder's. Only headers are read. A file that holds no
/// model is reported to `log` and left out.
std::vector<PretrainedModel> pretrained_models(const std::vector<std::filesystem::path>& folders, const LogSink& log);

/// The path itself if it exists, else the file of the pretrained model of this name. "?key=..." at the end stays.
/// @param where  the option that names the model, for the message; empty: none.
/// @throws InputError if there is neither, naming the accepted kinds of models and the nearest name.
std::filesystem::path resolve_model(const std::filesystem::path& path, const std::string& where = {});

}  // namespace monge::model
