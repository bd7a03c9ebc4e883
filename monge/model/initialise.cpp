#include "monge/model/initialise.h"

#include <torch/types.h>

#include <algorithm>
#include <map>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/names.h"
#include "monge/core/nearest.h"
#include "monge/io/tensor_file.h"
#include "monge/model/model.h"
#include "monge/model/pretrained.h"
#include "monge/model/public_checkpoint.h"
#include "monge/nn/find_states.h"
#include "monge/nn/infer.h"
#include "monge/solve/nets.h"
#include "monge/train/checkpoint.h"

namespace monge::model {
namespace {

namespace fs = std::filesystem;

std::string setting(const InitialWeights& initial) { return text("train.init = \"", printable(initial.origin), '"'); }

void take_checkpoint(InitialWeights& initial, train::Checkpoint checkpoint) {
  for (auto& [name, tensor] : checkpoint.tensors) {
    for (const auto& [prefix, net] : {std::pair{std::string("map/"), &initial.map},
                                      {"ema/", &initial.average},
                                      {"potential/", &initial.potential}}) {
      if (name.starts_with(prefix)) net->emplace_back(name.substr(prefix.size()), tensor);
    }
  }
  initial.recipe = train::saved_recipe(checkpoint.recipe_toml, initial.origin);
  initial.columns = std::move(checkpoint.columns);
  initial.standardisation = std::move(checkpoint.standardisation);
  initial.iteration = checkpoint.iteration;
  if (initial.key.empty()) return;
  const bool averaged = initial.key == "ema";
  if ((!averaged && initial.key != "map") || (averaged && initial.average.empty())) {
    throw InputError({.what = "a run has no such weights",
                      .where = setting(initial),
                      .value = initial.key,
                      .allowed = initial.average.empty() ? "map" : "map, ema",
                      .fix = "leave ?key= out to use map, average and potential"});
  }
  if (averaged) initial.map = initial.average;
  initial.average.clear();
  initial.potential.clear();
}

void check_units(const InitialWeights& initial, const train::Recipe& recipe) {
  if (!initial.recipe || initial.recipe->data.standardise == recipe.data.standardise) return;
  throw InputError({.what = "its map works in other units than this recipe's data",
                    .where = setting(initial),
                    .value = text("data.standardise = \"", initial.recipe->data.standardise, "\" there and \"",
                                  recipe.data.standardise, "\" here"),
                    .fix = text("set data.standardise = \"", initial.recipe->data.standardise, '"')});
}

/// The first difference between a state and the net that is to load it; empty if the state fits.
std::string difference(const nn::NamedTensors& state, const torch::nn::Module& net) {
  using Kind = nn::StateFault::Kind;
  for (const auto& [kind, key, wanted, given] : nn::state_faults(nn::state_dict(net), state)) {
    if (kind == Kind::missing) return text(key, " is missing there; this recipe needs ", wanted.sizes());
    if (kind == Kind::shape) return text(key, " is ", given.sizes(), " there and ", wanted.sizes(), " in this recipe");
    if (kind == Kind::unexpected)
      return text(printable(key), " is ", given.sizes(), " there and not in the net of this recipe");
    if (kind == Kind::type)
      return text(key, " is ", given.scalar_type(), " there and ", wanted.scalar_type(), " in this recipe");
    if (kind == Kind::repeated) return text(printable(key), " is there twice");
  }
  return "";
}

/// "map.width = 16 there and 32 here" for each key of the map or the potential in which two recipes differ.
/// @param images  whether the items are images, whose keys of [source] and [target] count as well.
std::vector<std::string> differing_keys(train::Recipe there, train::Recipe here, bool of_map, bool of_potential,
                                        bool images) {
  std::vector<std::string> out;
  const auto noise_there = solve::make_method(there)->noise().section + ".z_channels",
             noise_here = solve::make_method(here)->noise().section + ".z_channels";
  const auto old_table = there.options(), new_table = here.options();
  for (size_t i = 0; i < new_table.options().size(); ++i) {
    const auto& option = new_table.options()[i];
    bool matters =
        option.key == "method" ||
        (of_map && (option.key.starts_with("map.") || option.key == noise_there || option.key == noise_here)) ||
        (of_potential &&
         (option.key.starts_with("potential.") || option.key == "cost.scale" || option.key == "target.size"));
    const bool of_images =
        option.key.ends_with(".range") || option.key.ends_with(".colour") || option.key.ends_with(".exif");
    matters =
        matters || (images && of_images && (option.key.starts_with("source.") || option.key.starts_with("target.")));
    // Options of a net's start and of the stability of its training do not change its architecture.
    if (!matters || option.key.ends_with(".zero_last") || option.on_resume == OnResume::alters_updates) continue;
    const auto before = OptionTable::to_toml(old_table.options()[i]), now = OptionTable::to_toml(option);
    if (of_images && now == "\"auto\"") continue;  // it is not resolved before the data are opened
    if (before != now) out.push_back(text(option.key, " = ", before, " there and ", now, " here"));
  }
  return out;
}

[[noreturn]] void throw_mismatch(const InitialWeights& initial, const train::Recipe& recipe, const std::string& net,
                                 const std::string& what, const std::string& description, bool images = false) {
  const bool of_map = net == "map";
  auto fix = initial.recipe        ? join(differing_keys(*initial.recipe, recipe, of_map, !of_map, images), "; ")
             : description.empty() ? ""
                                   : "there it is a " + description;
  if (!fix.empty()) fix += "; ";
  fix += "give this recipe the same net";
  if (net == "potential")
    fix += text(", or start from the map alone: ", initial.origin, initial.recipe ? "?key=map" : "?key=NAME");
  throw InputError({.what = text("its ", net, " does not fit the ", net, " of this recipe"),
                    .where = setting(initial),
                    .value = what,
                    .fix = fix});
}

/// The state of the recipe's `net` among the tensors of a file; empty if the file has no potential.
/// @param which  "map" or "potential".
/// @param taken  the prefix of a state that is used already; may be null.
nn::FoundState find_in_file(const InitialWeights& initial, const train::Recipe& recipe, const std::string& which,
                            const torch::nn::Module& net, const std::string* taken) {
  std::vector<std::string> keys;
  for (const auto& [key, tensor] : nn::state_dict(net)) {
    if (!key.ends_with(".num_batches_tracked")) keys.push_back(key);
  }
  auto found = nn::find_states_with(initial.file_tensors, keys);
  if (taken) std::erase_if(found, [&](const auto& state) { return state.prefix == *taken; });
  if (!initial.key.empty() && which == "map") {
    found = nn::states_at(found, initial.key);
  }
  std::vector<nn::FoundState> fitting;
  for (auto& state : found) {
    state.state = nn::with_counters(state.state, net);
    if (difference(state.state, net).empty()) fitting.push_back(state);
  }
  if (fitting.size() > 1) {
    std::vector<std::string> names;
    for (const auto& state : fitting)
      names.push_back(state.key().empty() ? "the top of the file" : printable(state.key()));
    throw InputError({.what = text("several of its networks could be the ", which),
                      .where = setting(initial),
                      .value = join(names),
                      .fix = text("name the map: ", initial.origin, "?key=NAME")});
  }
  if (fitting.size() == 1) return fitting[0];
  auto known = nn::find_states(initial.file_tensors);
  std::erase_if(known, [&](const auto& state) { return state.is_map != (which == "map"); });
  if (!initial.key.empty()) known = nn::states_at(known, initial.key);
  // The layers of a potential of vectors have the names of any other chain of layers, so they may belong to another
  // net.
  if (!found.empty() && (which == "map" || !known.empty())) {
    throw_mismatch(initial, recipe, which, difference(found[0].state, net), known.empty() ? "" : known[0].description);
  }
  // Reporting a net of the same kind with other keys (another depth) helps more than reporting none.
  if (!known.empty())
    throw_mismatch(initial, recipe, which, difference(nn::with_counters(known[0].state, net), net),
                   known[0].description);
  if (which == "map") {
    const auto groups = nn::groups_of(initial.file_tensors);
    throw InputError(text(setting(initial), ": holds no network with the keys of this recipe's map (", keys.front(),
                          " ... ", keys.back(), initial.key.empty() ? ")" : ") at key=" + initial.key, "; it holds",
                          listed(groups, groups.size())));
  }
  return {};
}

/// Appends the state under `prefix`. @throws InputError when a weight is not finite.
void add(nn::NamedTensors& out, const std::string& prefix, const nn::NamedTensors& state,
         const InitialWeights& initial) {
  for (const auto& [key, tensor] : state) {
    require(!tensor.is_floating_point() || torch::isfinite(tensor).all().item<bool>(), setting(initial), ": ",
            printable(key), " of its ", prefix == "potential/" ? "potential" : "map",
            " is not finite (NaN or infinite); use an earlier checkpoint");
    out.emplace_back(prefix + key, tensor);
  }
}

/// A hash of names, types and bytes, but not of the order or the file. It identifies the weights later.
std::string hash_of(const nn::NamedTensors& tensors) {
  std::map<std::string, std::string> lines;
  for (const auto& [name, tensor] : tensors) {
    const auto plain = io::plain(tensor);
    lines[name] = text(plain.scalar_type(), ' ', content_hash(io::bytes_of(plain)));
  }
  std::string all;
  for (const auto& [name, line] : lines) all += name + ' ' + line + '\n';
  return content_hash(all);
}

}  // namespace

InitialWeights read_initial_weights(const train::Recipe& recipe, const LogSink& log) {
  InitialWeights out;
  const auto path = resolve_model(recipe.train.init, "train.init");
  const auto split = split_key(path);
  out.origin = split.file.string();
  out.key = split.key;
  std::error_code ignored;
  if (fs::is_directory(split.file, ignored)) {
    const bool checkpoint = fs::exists(split.file / "manifest.json", ignored);
    require(checkpoint || fs::exists(split.file / "checkpoints", ignored), setting(out),
            ": is neither a run directory (it has no checkpoints/) nor a checkpoint (it has no manifest.json)");
    take_checkpoint(
        out, checkpoint ? train::load_checkpoint(split.file) : train::load_newest(split.file / "checkpoints", log));
  } else {
    require(tensor_format(split.file) != TensorFormat::unknown, setting(out), ": is not a model",
            " (allowed: a run directory, a checkpoint folder, .safetensors, .pt, .pth)");
    auto file = read_tensor_file(split.file, log);
    if (is_export(file)) {
      auto model = load_model(path, torch::kCPU, log);  // load_model checks the hash
      out.map = nn::state_dict(*model.net);
      if (model.sample_weights) out.potential = nn::state_dict(*model.sample_weights->potential());
      out.recipe = std::move(model.recipe);
      out.standardisation = std::move(model.standardisation);
      out.columns = std::move(model.columns);
      out.iteration = model.iteration;
    } else {
      out.file_tensors = std::move(file.tensors);
    }
  }
  check_units(out, recipe);
  return out;
}

void inherit_ranges(train::Recipe& recipe, const InitialWeights& initial, const LogSink& log) {
  if (!initial.recipe) return;
  for (const auto& [key, here, there] :
       {std::tuple{"source.range", &recipe.source.range, &initial.recipe->source.range},
        {"target.range", &recipe.target.range, &initial.recipe->target.range}}) {
    if (*here != "auto" || *here == *there) continue;
    *here = *there;
    log(LogLevel::info,
        text(key, " = \"", *here, "\", as in ", printable(initial.origin), ", because its map works in these units"));
  }
}

StartingState starting_state(const InitialWeights& initial, const train::Recipe& recipe,
                             const std::vector<int64_t>& source_shape, const std::vector<int64_t>& target_shape) {
  const auto nets = solve::make_nets(recipe, source_shape, target_shape);
  auto map = initial.map, average = initial.average, potential = initial.potential;
  std::string at;  // the key of the map in a file, for the message
  if (!initial.file_tensors.empty()) {
    const auto found = find_in_file(initial, recipe, "map", *nets.map, nullptr);
    map = found.state;
    if (!found.key().empty()) at = " at " + printable(found.key());
    if (initial.key.empty())
      potential = find_in_file(initial, recipe, "potential", *nets.potential, &found.prefix).state;
  }
  for (const auto& [which, state, net] :
       {std::tuple<const char*, const nn::NamedTensors*, const torch::nn::Module*>{"map", &map, nets.map.get()},
        {"map", &average, nets.map.get()},
        {"potential", &potential, nets.potential.get()}}) {
    if (state->empty() && state != &map) continue;
    const auto what = difference(*state, *net);
    if (!what.empty()) throw_mismatch(initial, recipe, which, what, "", source_shape.size() == 3);
  }
  StartingState out;
  add(out.tensors, "map/", map, initial);
  if (recipe.train.ema > 0) add(out.tensors, "ema/", average.empty() ? map : average, initial);
  add(out.tensors, "potential/", potential, initial);
  if (recipe.train.trains_inverse() && recipe.map.net == "gradient" && recipe.train.ema > 0) {
    // The inverse map is the gradient map of the potential, and its average starts from it.
    add(out.tensors, "inverse_ema/potential.", potential, initial);
  }

  auto message = text("starts from ", printable(initial.origin), " (",
                      initial.iteration > 0 ? text("iteration ", initial.iteration, ", ") : "", "XXH3 of the weights ",
                      hash_of(out.tensors), "): loads the map", at);
  if (recipe.train.ema > 0 && !average.empty()) message += potential.empty() ? " and its average" : ", its average";
  message += potential.empty() ? "; the potential starts fresh" : " and the potential";
  if (recipe.train.trains_inverse() && recipe.map.net != "gradient") message += "; the inverse map starts fresh";
  if (recipe.train.ema > 0 && average.empty()) message += "; the average starts from the map";
  message += "; moments, rates, schedules and data are those of this recipe";
  out.messages.emplace_back(LogLevel::info, message);
  if (initial.standardisation) {
    out.messages.emplace_back(
        LogLevel::info, text("keeps the means and scales of ", printable(initial.origin), " (data.standardise = \"",
                             recipe.data.standardise, "\"), because its map works in these units"));
  } else if (recipe.data.standardise != "off") {
    out.messages.emplace_back(
        LogLevel::warning,
        text(printable(initial.origin), " does not store the units of its map; with data.standardise = \"",
             recipe.data.standardise, "\" they are assumed to be those of this recipe's data"));
  }
  if (initial.recipe) {
    const auto differing = differing_keys(*initial.recipe, recipe, true, !potential.empty(), source_shape.size() == 3);
    if (!differing.empty())
      out.messages.emplace_back(LogLevel::warning,
                                "differs from the training that it starts from: " + join(differing, "; "));
  }
  return out;
}

}  // namespace monge::model
