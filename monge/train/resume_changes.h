// What `resume --set` may change of a run that has begun, and how the user learns what changed.
#pragma once

#include <string>
#include <vector>

#include "monge/train/recipe.h"

namespace monge::train {

/// How a changed key affects the updates.
enum class ChangeKind {
  keeps_updates,   ///< length, intervals, evaluation, loading, paths of the data: the updates stay exact
  alters_updates,  ///< rates and their schedule, solve::Adam, average, regularisers: the run is another one from here
                   ///< on
};

/// One entry of the list of keys that may change. All others make another problem, other nets or another order of the
/// data (train.k_t: batches and noises are drawn by the count of updates, which it would set back or forward).
struct Changeable {
  std::string key;  ///< a key, or with a dot at its end a section
  ChangeKind kind;
};
const std::vector<Changeable>& changeable();

/// @throws Error naming the first assignment ("section.key=value") of a key that is not on the list, with the list.
void require_changeable(const std::vector<std::string>& assignments);

/// Messages on what the next iterations will do differently from those before:
///
///     train.lr_map 0.0002 -> 0.0001 from iteration 501 on; the run is no longer the one that it would have been
///     the learning rate of the map jumps at iteration 501: 3.1e-05 -> 0.00012 (train.schedule = "cosine",
///     train.iterations 600 -> 1200)
///
/// @param iteration  done so far.
/// @throws Error when train.ema goes from or to 0, which would need another set of weights.
std::vector<std::string> changes_of_updates(Recipe before, Recipe after, int64_t iteration);

}  // namespace monge::train
