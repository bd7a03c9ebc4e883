#include "monge/model/model.h"

#include <c10/util/accumulate.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/number.h"
#include "monge/core/user_words.h"
#include "monge/core/value_range.h"
#include "monge/io/safetensors.h"
#include "monge/io/torch_checkpoint.h"
#include "monge/model/model_format.h"
#include "monge/model/net_tensors.h"
#include "monge/model/pretrained.h"
#include "monge/model/public_checkpoint.h"
#include "monge/model/rounded_inwards.h"
#include "monge/ot/cost.h"
#include "monge/ot/light.h"
#include "monge/solve/nets.h"
#include "monge/solve/precision.h"
#include "monge/solve/solver.h"
#include "monge/train/checkpoint.h"
#include "monge/train/trainer.h"

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

/// Converts limits in raw units to the units of a standardised target.
OutputLimits in_units_of(const data::Columns& columns, const OutputLimits& limits) {
  const auto standard = [&](const torch::Tensor& bound) { return (bound - columns.mean) / columns.scale; };
  return {standard(limits.low), standard(limits.high)};
}

torch::Tensor clamp(const torch::Tensor& y, const OutputLimits& limits, int64_t* clamped) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const auto low = rounded_inwards(limits.low, y.scalar_type(), kInfinity).to(y.device()),
             high = rounded_inwards(limits.high, y.scalar_type(), -kInfinity).to(y.device());
  if (clamped) *clamped += ((y < low) | (y > high)).sum().item<int64_t>();
  return torch::minimum(torch::maximum(y, low), high);
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

bool fits(const Model& model, torch::IntArrayRef item) {
  const auto& shape = model.item_shape;
  if (item.size() != shape.size() || item[0] != shape[0]) return false;
  return shape.size() != 3 || shape[1] == 0 || (item[1] == shape[1] && item[2] == shape[2]);
}

}  // namespace

bool is_export(const io::TensorFile& file) {
  return std::any_of(file.metadata.begin(), file.metadata.end(),
                     [](const auto& entry) { return entry.first.starts_with("monge."); });
}

void Model::require_takes(torch::IntArrayRef item) const {
  const bool any_size = item_shape.size() == 3 && item_shape[1] == 0;
  require(fits(*this, item) || carries_noise(item), origin, ": the map takes items of shape ",
          torch::IntArrayRef(item_shape), any_size ? " (any height and width)" : "", ", got ", item);
}

bool Model::carries_noise(torch::IntArrayRef item) const {
  return !recipe && item.size() == 3 && item[0] == item_shape[0] + noise.channels && !fits(*this, item);
}

std::optional<double> Model::noise_level() const {
  if (smoothing.eps > 0) return smoothing.eps;
  if (noise.channels > 0 && !noise.optional) return noise.std;
  return std::nullopt;
}

void Model::set_noise_scale(double scale) {
  constexpr double kMost = 4;
  const auto level = noise_level();
  const double most = smoothing.preserve_variance && level ? std::min(kMost, 1 / *level) : kMost;
  if (scale != 1 && (!level || !(scale >= 0 && scale <= most))) {
    const std::string why = level ? "the noise level cannot be multiplied by this"
                            : noise.channels > 0
                                ? "a plan of method light draws by its potential, without a noise level"
                                : "this map has no noise";
    throw InputError({.what = origin + ": " + why,
                      .where = user_word("TranslateOptions::noise_scale"),
                      .value = number(scale),
                      .allowed = level ? text("0 to ", number(most)) : "1"});
  }
  noise_scale = scale;
}

torch::Tensor Model::inputs(const torch::Tensor& x, int64_t samples, torch::Generator generator) const {
  require_takes(x.sizes().slice(1));
  if (carries_noise(x.sizes().slice(1))) return x;
  const int64_t repeat = stochastic() ? samples : 1;
  const auto once = standardisation ? standardisation->source.apply(x) : x.to(torch::kFloat32);
  const auto repeated = repeat == 1 ? once : once.repeat_interleave(repeat, 0);
  auto scaled_smoothing = smoothing;
  auto scaled_noise = noise;
  scaled_smoothing.eps *= noise_scale;
  scaled_noise.std *= noise_scale;
  const bool blur = scaled_smoothing.eps > 0 && !deterministic;
  // The noise is drawn on the CPU, so that it is the same for every device.
  const auto n = blur ? ot::smoothing_noise(repeated, scaled_smoothing, generator).to(x.device()) : torch::Tensor();
  const auto smooth = ot::smooth(repeated, scaled_smoothing, n);
  if (noise.channels == 0) return smooth;
  const auto z = solve::draw_noise(repeated, 1, scaled_noise, generator).to(x.device());
  if (deterministic && noise.optional) return smooth;
  return solve::with_noise(smooth, deterministic ? torch::zeros_like(z) : z);
}

torch::Tensor Model::outputs(const torch::Tensor& inputs, int64_t* clamped, torch::Tensor* weights_N) const {
  const c10::InferenceMode inference;
  auto input = inputs.to(device, net->parameters().at(0).scalar_type());
  if (item_shape.size() == 3) input = input.contiguous(torch::MemoryFormat::ChannelsLast);
  const auto out = net->forward(input).to(output_device, torch::kFloat32).contiguous();
  if (weights_N && !reversed)
    *weights_N = sample_weights ? sample_weights->of_source(inputs, out) : torch::ones({inputs.size(0)});
  const auto raw = standardisation ? standardisation->target.undo(out) : out;
  return limits ? clamp(raw, *limits, clamped) : raw;
}

void Model::set_output_range(const std::string& range) {
  limits.reset();
  if (range.empty()) return;
  const auto bounds = parse_value_range(range, "output.range");
  require(item_shape.size() == 1, origin, ": output.range = \"", range,
          "\": only vector outputs are clamped to a range");
  limits = OutputLimits{torch::full({1}, bounds.low, torch::kFloat64), torch::full({1}, bounds.high, torch::kFloat64)};
}

torch::Tensor Model::input_weights(const torch::Tensor& x, const torch::Tensor& of_outputs) const {
  if (!sample_weights) return torch::ones({x.size(0)});
  if (!reversed) return of_outputs.view({x.size(0), -1}).mean(1);
  const auto on_cpu = x.to(torch::kCPU);
  return sample_weights->of_target(standardisation ? standardisation->source.apply(on_cpu)
                                                   : on_cpu.to(torch::kFloat32));
}

double Model::bridge_variance() const {
  if (deterministic || !recipe || !solve::make_method(*recipe)->has_closed_form()) return 0;
  const double tau = ot::cost_scale(recipe->cost.scale, c10::multiply_integers(item_shape));
  return recipe->section<ot::LightOptions>().epsilon / (2 * tau);
}

Model Model::inverse() const {
  require(inverse_net != nullptr, origin,
          ": has no inverse map; train with train.directions = \"both\", or exchange source and target");
  auto out = *this;
  std::swap(out.net, out.inverse_net);
  out.reversed = !reversed;
  if (out.standardisation) std::swap(out.standardisation->source, out.standardisation->target);
  // Where one side has no names, both have the other's.
  std::swap(out.columns.source, out.columns.target);
  out.limits.reset();
  // One pass for both directions smooths the source alone, and the inverse map leads back to the smoothed source.
  const bool one_pass = recipe && recipe->map.net == "gradient" && recipe->train.updates_simultaneously();
  if (one_pass) out.smoothing = {};
  return out;
}

Model Model::in_standard_units() const {
  auto out = *this;
  if (limits && standardisation) out.limits = in_units_of(standardisation->target, *limits);
  out.standardisation.reset();
  return out;
}

Model Model::at_any_size() const {
  require(item_shape.size() == 3 && sizes, origin, ": the map takes items of shape ", torch::IntArrayRef(item_shape),
          " and no other size");
  auto out = *this;
  out.item_shape = {item_shape[0], 0, 0};
  return out;
}

torch::Tensor Model::translate(const torch::Tensor& x, int64_t samples, torch::Generator generator,
                               torch::Tensor* weights_B) const {
  const auto y = outputs(inputs(x, samples, generator), nullptr, weights_B);
  if (weights_B) *weights_B = input_weights(x, *weights_B);
  return y.unflatten(0, std::vector<int64_t>{x.size(0), y.size(0) / x.size(0)});
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

Model model_of(train::Trainer& trainer) {
  Model model;
  model.origin = "the map in training";
  model.net = trainer.solver().averaged_map();
  model.net->eval();
  if (trainer.recipe().train.trains_inverse()) {
    model.inverse_net = trainer.solver().averaged_inverse_map();
    model.inverse_net->eval();
  }
  model.item_shape = trainer.data().source->item_shape();
  model.recipe = trainer.recipe();
  model.sizes = solve::map_image_sizes(*model.recipe, model.item_shape);
  model.columns = trainer.columns();
  model.set_output_range(trainer.recipe().output.range);
  const auto& standardisation = trainer.data().standardisation;
  if (model.limits && standardisation) model.limits = in_units_of(standardisation->target, *model.limits);
  model.noise = trainer.solver().method().noise();
  model.iteration = trainer.done();
  model.smoothing = trainer.solver().method().smoothing(model.iteration);
  model.device = trainer.solver().device();
  if (SampleWeights::apply_to(*model.recipe)) {
    model.sample_weights.emplace(trainer.solver().shared_potential(), *model.recipe,
                                 c10::multiply_integers(model.item_shape), model.iteration);
  }
  return model;
}

Model raw_model_of(train::Trainer& trainer) {
  auto model = model_of(trainer);
  model.standardisation = trainer.data().standardisation;
  model.limits.reset();
  model.set_output_range(trainer.recipe().output.range);
  return model;
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
