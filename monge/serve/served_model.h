// A model as the server keeps it.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "monge/core/log.h"
#include "monge/model/model.h"

namespace monge::serve {

/// Inputs that the training has not seen, for users who have none at hand.
struct HeldOutInputs {
  torch::Tensor items = {};               ///< [n, ...item]; undefined if there are none
  std::vector<std::string> names = {};    ///< of the items
  std::vector<std::string> columns = {};  ///< of vectors; may be empty
};

/// Immutable but for what is read on first use. Thread-safe.
struct ServedModel {
  std::string name;                ///< in the catalogue
  model::Model map;                ///< its origin is the name, so that no message tells a path
  nlohmann::ordered_json card;     ///< session::model_card
  std::string sample;              ///< a PNG file of inputs and outputs; may be empty
  std::filesystem::path run = {};  ///< the run directory that it comes from; empty for a file

  /// The first held-out inputs. Empty if the data of the training cannot be opened. The data of a model file are not:
  /// the file may come from a stranger, and would choose which files of this machine are shown; but formulas ("toy:")
  /// are no files.
  const HeldOutInputs& inputs() const;

 private:
  mutable std::once_flag opened_;
  mutable HeldOutInputs inputs_;
};

/// Loads a model from a run directory, a checkpoint folder or a file.
/// @throws InputError that names the model and not its path.
std::shared_ptr<const ServedModel> load_served_model(const std::string& name, const std::filesystem::path& path,
                                                     torch::Device device, const LogSink& log);

/// What the list tells of a model without loading it: title, description, licence, method, verdict, as far as they are
/// known. Reads the header of a file, or recipe.toml and summary.json of a run.
nlohmann::ordered_json model_summary(const std::filesystem::path& path);

}  // namespace monge::serve
