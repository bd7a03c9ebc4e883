// train.init: a new training that starts from the weights of another one (fine-tuning).
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

/// What train.init names, read but not yet compared with the nets of the recipe.
struct InitialWeights {
  std::string origin;                        ///< train.init
  std::string key;                           ///< behind ?key=; the map alone is taken then
  nn::NamedTensors map, average, potential;  ///< of a run or an export; empty: it has none
  nn::NamedTensors loose;  ///< of another file: all its tensors, among which the recipe's nets are looked for
  std::optional<data::Standardisation> standardisation;  ///< the units of its map; the new data are brought to the same
  data::ColumnNames columns;  ///< of the tables that it was trained on; the new ones are brought to their order
  std::optional<train::Recipe> recipe;  ///< of its training; unset for files that monge did not write
  int64_t iteration = 0;
};

/// Reads train.init:
///   - a run (its newest whole checkpoint) or a checkpoint folder: map, average and potential; with ?key=map or
///   ?key=ema
///     that one alone, as the map;
///   - a file of monge export: the map;
///   - a file of torch.save or safetensors: the nets whose keys and shapes are the recipe's, with ?key=NAME the map
///   there.
/// @throws InputError  naming train.init; also when data.standardise differs from that of the run, whose map lives in
/// the
///                units of its own data.
InitialWeights read_initial_weights(const train::Recipe& recipe, const LogSink& log);

/// The range that the values of images are scaled from is part of the units of a map: where the recipe leaves it to the
/// data (source.range or target.range = "auto"), that of the run is taken, and the log is told.
void take_ranges(train::Recipe& recipe, const InitialWeights& initial, const LogSink& log);

/// What a new training starts with, and messages for the user.
struct StartingState {
  nn::NamedTensors tensors;  ///< "map/KEY", "ema/KEY", "potential/KEY", as solve::Solver::state() names them
  std::vector<std::pair<LogLevel, std::string>> messages;
};

/// Compares the weights with the nets that the recipe makes for items of these shapes. Where there is no average (or
/// the map alone is taken) the average starts from the map; what is not in `tensors` starts from its seed.
/// @throws InputError  that names the first tensor that does not fit, both shapes, and the keys in which the recipes
/// differ; also
///                when several nets of a file could be the map, or weights are not finite.
StartingState starting_state(const InitialWeights& initial, const train::Recipe& recipe,
                             const std::vector<int64_t>& source_shape, const std::vector<int64_t>& target_shape);

}  // namespace monge::model
