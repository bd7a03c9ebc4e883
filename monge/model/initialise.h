// train.init: starts a new training from the weights of another one (fine-tuning).
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "monge/core/log.h"
#include "monge/data/column_names.h"
#include "monge/data/standardise.h"
#include "monge/nn/module.h"
#include "monge/train/recipe.h"

namespace monge::model {

/// The weights that train.init names, read but not yet compared with the nets of the recipe.
struct InitialWeights {
  std::string origin;                        ///< train.init without ?key=
  std::string key;                           ///< the part after ?key=; if it is given, only the map is used
  nn::NamedTensors map, average, potential;  ///< the nets of a run or an export; empty if it has none
  nn::NamedTensors file_tensors;  ///< all tensors of any other file; the recipe's nets are searched among them
  std::optional<data::Standardisation> standardisation;  ///< the units of its map; the new data are put into the same
  data::ColumnNames columns;  ///< those of the tables it was trained on; the new tables are put into their order
  std::optional<train::Recipe> recipe;  ///< the recipe of its training; unset for files that monge did not write
  int64_t iteration = 0;                ///< outer iterations trained; 0 when unknown
};

/// Reads train.init:
///
///   - from a run (its newest whole checkpoint) or a checkpoint folder: map, average and potential; with ?key=map or
///     ?key=ema only that net, as the map;
///   - from a file of monge export: the map, and of an unbalanced training the potential;
///   - from a file of torch.save or safetensors: the nets whose keys and shapes are the recipe's; with ?key=NAME the
///     map at that key.
///
/// @throws InputError naming train.init; also when data.standardise differs from that of the run, because the map works
///         in the units of its own data.
InitialWeights read_initial_weights(const train::Recipe& recipe, const LogSink& log);

/// Sets source.range and target.range to those of the run where the recipe leaves them to the data ("auto"), and
/// reports it to `log`. The range that the values of images are scaled from is part of the units of a map.
void inherit_ranges(train::Recipe& recipe, const InitialWeights& initial, const LogSink& log);

/// The state that a new training starts with, and messages for the user.
struct StartingState {
  nn::NamedTensors tensors;  ///< "map/KEY", "ema/KEY", "potential/KEY", as solve::Solver::state() names them
  std::vector<std::pair<LogLevel, std::string>> messages;
};

/// Compares the weights with the nets that the recipe makes for items of these shapes. If there is no average, or only
/// the map is used, the average starts from the map. Tensors that are not in `tensors` start from their seeds.
/// @throws InputError that names the first tensor that does not fit, both shapes, and the keys in which the recipes
///         differ; also when several nets of a file could be the map, or weights are not finite.
StartingState starting_state(const InitialWeights& initial, const train::Recipe& recipe,
                             const std::vector<int64_t>& source_shape, const std::vector<int64_t>& target_shape);

}  // namespace monge::model
