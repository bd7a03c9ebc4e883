// What a server serves: the models and runs at a path of the machine, by public names.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "monge/serve/served_model.h"

namespace monge::serve {

struct CatalogueOptions {
  int64_t max_models = 4;  ///< in memory; the one that was not used for the longest time goes
  torch::Device device = torch::kCPU;
  LogSink log = silent();
};

/// Models and runs are known by the names of their files and folders. Of equal names the later ones get -2, -3, and a
/// name stays with its file as long as the catalogue lives. A folder is looked through again when it is asked for,
/// at most once a second. Thread-safe.
class Catalogue {
 public:
  /// @param path  a run directory, a checkpoint folder, a model file, the name of a pretrained model, or a folder that
  ///              holds runs and model files, itself or in folders of its own that hold runs ("runs").
  /// @throws InputError if there is no model and no run at the path.
  Catalogue(const std::filesystem::path& path, CatalogueOptions options);

  /// The model of this name, loaded if it is not in memory. A run that has a newer checkpoint is loaded again. Requests
  /// keep a model that has left the memory of the catalogue.
  /// @return null if there is no such name.  @throws InputError if it cannot be loaded.
  std::shared_ptr<const ServedModel> model(const std::string& name);

  /// The folder of the run of this name; nothing if there is none.
  std::optional<std::filesystem::path> run(const std::string& name);

  /// {"name", "kind": "run" or "file", and the keys of model_summary}, by name.
  nlohmann::ordered_json models();
  std::vector<std::string> run_names();
  std::vector<std::string> model_names();
  /// Models in memory.
  int64_t loaded() const;

 private:
  struct Entry {
    std::filesystem::path path;
    bool is_run = false, is_model = false;
  };
  struct Loaded {
    std::string name, stamp;
    std::shared_ptr<const ServedModel> model;
  };

  void scan();
  void scan_if_due();
  void add(const std::filesystem::path& path);
  void add_folder(const std::filesystem::path& folder, bool deeper);
  std::string name_for(const std::filesystem::path& path);
  std::shared_ptr<const ServedModel> in_memory(const std::string& name, const std::string& stamp);

  const std::filesystem::path root_;
  const CatalogueOptions options_;
  mutable std::mutex guard_;  ///< of the entries and the loaded models
  std::mutex loading_;        ///< held while a model is loaded, so that none is loaded twice
  std::map<std::string, Entry> entries_;
  std::map<std::filesystem::path, std::string> names_;
  std::map<std::string, std::pair<std::string, nlohmann::ordered_json>> summaries_;  ///< stamp and summary by name
  std::list<Loaded> loaded_;                                                         ///< the last used first
  std::chrono::steady_clock::time_point scanned_ = {};
};

}  // namespace monge::serve
