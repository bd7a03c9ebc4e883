// Models from files and folders, and back.
#include <c10/util/accumulate.h>
#include <torch/types.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/user_words.h"
#include "monge/io/safetensors.h"
#include "monge/io/torch_checkpoint.h"
#include "monge/model/model.h"
#include "monge/model/model_format.h"
#include "monge/model/net_tensors.h"
#include "monge/model/pretrained.h"
#include "monge/model/public_checkpoint.h"
#include "monge/solve/nets.h"
#include "monge/solve/precision.h"
#include "monge/solve/solver.h"
#include "monge/train/checkpoint.h"

namespace monge::model {
namespace {

namespace fs = std::filesystem;

/// Compares the size of the recipe's map with the tensors of the file, before the map is built. The recipe of a file
/// may name any width; after this check the net takes at most a few times the memory that the file took already.
/// @throws InputError when `state` holds fewer values than the net must have.
void require_weights(const std::string& origin, const train::Recipe& recipe, const nn::NamedTensors& state,
                     double least) {
  double held = 0;
  for (const auto& entry : state) held += static_cast<double>(entry.second.numel());
  require(held >= least, origin, ": its recipe needs a map of ", least, " weights or more, but its tensors hold ", held,
          " (map.width = ", recipe.map.width, ", map.depth = ", recipe.map.depth,
          ", potential.width = ", recipe.potential.width, ", potential.depth = ", recipe.potential.depth,
          "); recipe and tensors do not belong to one model");
}

/// A net of the recipe with the weights of `state`, ready to use.
template <class Net>
std::shared_ptr<Net> loaded(std::shared_ptr<Net> net, const train::Recipe& recipe, const nn::NamedTensors& state,
                            const std::string& origin, torch::Device device) {
  nn::to_type(*net, solve::state_type(recipe.train.precision));
  nn::load_state_dict(*net, state, origin);
  if (recipe.train.channels_last) nn::to_channels_last(*net);
  net->to(device);
  net->eval();
  return net;
}

/// @param inverse    the weights of the inverse map; empty if the recipe trains none.
/// @param potential  those of the potential; not used unless the problem is unbalanced.
Model from_recipe(const std::string& origin, train::Recipe recipe, const std::vector<int64_t>& shape,
                  const nn::NamedTensors& state, const nn::NamedTensors& inverse, const nn::NamedTensors& potential,
                  std::optional<data::Standardisation> standardisation, data::ColumnNames columns, int64_t iteration,
                  torch::Device device) {
  Model model;
  model.origin = origin;
  model.recipe = std::move(recipe);
  model.item_shape = shape;
  const auto method = solve::make_method(*model.recipe, c10::multiply_integers(shape));
  model.noise = method->noise();
  model.iteration = iteration;
  model.smoothing = method->smoothing(iteration);
  const bool wanted = model.recipe->data.standardise != "off";
  require(standardisation.has_value() == wanted, origin,
          ": its recipe has data.standardise = ", model.recipe->data.standardise, ", but it holds ",
          wanted ? "no " : "", "means and scales; recipe and tensors do not belong to one model");
  if (wanted) {
    for (const auto& side : {standardisation->source, standardisation->target}) {
      require(shape.size() == 1 && side.mean.size(0) == shape[0], origin, ": its standardisation has ",
              side.mean.size(0), " columns, but the map has items of shape ", torch::IntArrayRef(shape));
    }
  }
  model.standardisation = std::move(standardisation);
  for (const auto& names : {columns.source, columns.target}) {
    require(names.empty() || (shape.size() == 1 && static_cast<int64_t>(names.size()) == shape[0]), origin,
            ": it names ", names.size(), " columns, but the map has items of shape ", torch::IntArrayRef(shape));
  }
  model.columns = std::move(columns);
  model.set_output_range(model.recipe->output.range);
  require_weights(origin, *model.recipe, state, solve::least_map_values(*model.recipe, shape));
  model.net = loaded(solve::make_map(*model.recipe, shape, shape), *model.recipe, state, origin, device);
  if (model.recipe->train.trains_inverse()) {
    require(!inverse.empty(), origin, ": its recipe has train.directions = \"both\", but it holds no inverse map; ",
            "recipe and tensors do not belong to one model");
    require_weights(origin + ", inverse map", *model.recipe, inverse,
                    solve::least_inverse_values(*model.recipe, shape));
    model.inverse_net =
        loaded(solve::make_inverse_map(*model.recipe, shape), *model.recipe, inverse, origin + ", inverse map", device);
  }
  if (SampleWeights::apply_to(*model.recipe)) {
    require(!potential.empty(), origin, ": its problem is unbalanced, but it holds no potential; ",
            "recipe and tensors do not belong to one model");
    require_weights(origin + ", potential", *model.recipe, potential,
                    solve::least_potential_values(*model.recipe, shape));
    model.sample_weights.emplace(
        loaded(solve::make_potential(*model.recipe, shape), *model.recipe, potential, origin + ", potential", device),
        *model.recipe, c10::multiply_integers(shape), iteration);
  }
  model.sizes = solve::map_image_sizes(*model.recipe, shape);
  model.device = device;
  return model;
}

Model from_checkpoint(const std::string& origin, const train::Checkpoint& checkpoint, torch::Device device) {
  auto recipe = train::saved_recipe(checkpoint.recipe_toml, origin);
  const std::string used = recipe.train.ema > 0 ? "ema/" : "map/";
  return from_recipe(origin, std::move(recipe), checkpoint.source_shape, with_prefix(checkpoint.tensors, used),
                     with_prefix(checkpoint.tensors, "inverse_" + used),
                     with_prefix(checkpoint.tensors, kPotentialPrefix), checkpoint.standardisation, checkpoint.columns,
                     checkpoint.iteration, device);
}

constexpr const char* kHashKey = "monge.xxh3";
constexpr const char* kSourceColumns = "monge.source_columns";
constexpr const char* kTargetColumns = "monge.target_columns";

/// A hash of the names, types, shapes and bytes of the tensors, in any order, and of all metadata but the hash itself.
std::string exported_hash(const io::TensorFile& file) {
  std::map<std::string, std::string> lines;
  for (const auto& [name, tensor] : file.tensors) {
    const auto plain = io::plain(tensor);
    lines["tensor " + name] = text(plain.scalar_type(), ' ', plain.sizes(), ' ', content_hash(io::bytes_of(plain)));
  }
  for (const auto& [key, value] : file.metadata) {
    if (key != kHashKey) lines["metadata " + key] = content_hash(value);
  }
  std::string all;
  for (const auto& [name, value] : lines) all += name + '\n' + value + '\n';
  return content_hash(all);
}

/// Builds the model of a file that monge exported, with its recipe.
Model from_export(const fs::path& path, io::TensorFile file, torch::Device device) {
  require_known_format(file.metadata, path.string());
  const auto hash = file.metadata.find(kHashKey);  // exports from before version 0.1.0 have none
  require(hash == file.metadata.end() || hash->second == exported_hash(file), path.string(),
          ": is damaged (its content does not match its hash); copy or export it again");
  const auto find = [&](const char* key) {
    const auto found = file.metadata.find(key);
    require(found != file.metadata.end(), path.string(), ": has no \"", key,
            "\" in its metadata, so it is not a model; ", user_word("model::export_safetensors()"), " writes one");
    return found->second;
  };
  const auto shape = nlohmann::json::parse(find("monge.item_shape"), nullptr, false);
  const auto positive = [](const nlohmann::json& extent) {
    return extent.is_number_integer() && extent.get<int64_t>() > 0;
  };
  require(
      shape.is_array() && (shape.size() == 1 || shape.size() == 3) && std::all_of(shape.begin(), shape.end(), positive),
      path.string(), ": \"monge.item_shape\" in its metadata is neither [D] nor [C,H,W]");
  const int64_t iteration = std::strtoll(find("monge.iteration").c_str(), nullptr, 10);
  auto standardisation = data::take_standardisation(file.tensors, path.string());
  const auto names = [&](const char* key) {
    const auto entry = file.metadata.find(key);
    if (entry == file.metadata.end()) return std::vector<std::string>();
    const auto list = nlohmann::json::parse(entry->second, nullptr, false);
    require(list.is_array() && std::all_of(list.begin(), list.end(), [](const auto& name) { return name.is_string(); }),
            path.string(), ": \"", key, "\" in its metadata is not a list of names");
    return list.get<std::vector<std::string>>();
  };
  data::ColumnNames columns{names(kSourceColumns), names(kTargetColumns)};
  const auto inverse = take_net(file.tensors, kInversePrefix), potential = take_net(file.tensors, kPotentialPrefix);
  auto evaluation = take_evaluation(file, path.string());
  auto model = from_recipe(path.string(), train::saved_recipe(find("monge.recipe"), path.string()),
                           shape.get<std::vector<int64_t>>(), file.tensors, inverse, potential,
                           std::move(standardisation), std::move(columns), iteration, device);
  model.evaluation = std::move(evaluation);
  return model;
}

}  // namespace

bool is_export(const io::TensorFile& file) {
  return std::any_of(file.metadata.begin(), file.metadata.end(),
                     [](const auto& entry) { return entry.first.starts_with("monge."); });
}

Model load_model(const fs::path& named, torch::Device device, const LogSink& log) {
  std::error_code ignored;
  const auto path = resolve_model(named);
  const auto split = split_key(path);
  if (fs::is_directory(split.file, ignored)) {
    require(split.key.empty(), path.string(),
            ": ?key= chooses among the nets of a file, and this is a folder; give the folder alone");
    if (fs::exists(path / "manifest.json", ignored))
      return from_checkpoint(path.string(), train::load_checkpoint(path), device);
    require(fs::exists(path / "checkpoints", ignored), path.string(),
            ": is neither a run directory (it has no checkpoints/) nor a checkpoint (it has no manifest.json)");
    return from_checkpoint(path.string(), train::load_newest(path / "checkpoints", log), device);
  }
  if (tensor_format(split.file) == TensorFormat::unknown) {
    throw InputError({.what = "is not a model",
                      .where = path.string(),
                      .value = '"' + path.extension().string() + '"',
                      .allowed = "a run directory, a checkpoint folder, .safetensors, .pt, .pth"});
  }
  auto file = read_tensor_file(split.file, log);
  if (!is_export(file)) return model_of_public(file, split, device, log);
  require(split.key.empty(), path.string(),
          ": ?key= chooses among the nets of a file, and this one holds one map; leave it out");
  try {
    return from_export(split.file, std::move(file), device);
  } catch (const InputError& error) {
    const std::string what = error.what();
    if (what.find(split.file.string()) != std::string::npos) throw;
    throw InputError(text(split.file.string(), ": ", what));  // such as a recipe whose keys do not go together
  }
}

void export_safetensors(const Model& model, const fs::path& path) {
  require(model.recipe.has_value(), model.origin,
          ": this state dict has no recipe, which the export stores beside the weights; ",
          user_word("model::export_torch()"), " writes the weights alone");
  io::TensorFile file;
  file.tensors = nn::state_dict(*model.net);
  add_net(file.tensors, kInversePrefix, model.inverse_net.get());
  if (model.sample_weights) add_net(file.tensors, kPotentialPrefix, model.sample_weights->potential().get());
  if (model.standardisation) {
    for (auto& entry : data::tensors_of(*model.standardisation)) file.tensors.push_back(std::move(entry));
  }
  auto recipe = *model.recipe;
  file.metadata["monge.recipe"] = recipe.options().to_toml(false);
  file.metadata[kFormatKey] = std::to_string(kFormat);
  file.metadata["monge.item_shape"] = nlohmann::json(model.item_shape).dump();
  file.metadata["monge.iteration"] = std::to_string(model.iteration);
  for (const auto& [key, names] :
       {std::pair{kSourceColumns, &model.columns.source}, {kTargetColumns, &model.columns.target}}) {
    if (!names->empty()) file.metadata[key] = nlohmann::json(*names).dump();
  }
  if (model.evaluation && !model.reversed) put_evaluation(*model.evaluation, file);
  file.metadata[kHashKey] = exported_hash(file);
  io::write_safetensors(path, file);
}

void export_torch(const Model& model, const fs::path& path) {
  require(!model.standardisation, model.origin,
          ": was trained with data.standardise = ", model.recipe ? model.recipe->data.standardise : "on",
          ", but a state dict cannot store means and scales, so a program that loads it would feed it raw rows; ",
          user_word("model::export_safetensors()"), " keeps them");
  io::TensorFile file;
  file.tensors = nn::state_dict(*model.net);
  io::write_torch_checkpoint(path, file);
}

}  // namespace monge::model
