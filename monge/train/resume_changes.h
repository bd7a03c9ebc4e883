// What `resume --set` may change of a run that has begun, and how the user learns what changed.
#pragma once

#include <string>
#include <vector>

#include "monge/train/recipe.h"

namespace monge::train {

/// The keys that may change, as Option::on_resume of each says; a section of which all may as "checkpoint.*". All other
/// keys make another problem, other nets or another order of the data (train.k_t: batches and noises are drawn by the
/// count of updates, which it would set back or forward).
std::vector<std::string> changeable();

/// @throws InputError naming the first assignment ("section.key=value") of a key that may not change, with those that
/// may.
void require_changeable(const std::vector<std::string>& assignments);

/// Messages on what the next iterations will do differently from those before:
///
///     train.lr_map 0.0002 -> 0.0001 from iteration 501 on; the run is no longer the one that it would have been
///     the learning rate of the map jumps at iteration 501: 3.1e-05 -> 0.00012 (train.schedule = "cosine",
///     train.iterations 600 -> 1200)
///
/// @param iteration  done so far.
/// @throws InputError when train.ema goes from or to 0, which would need another set of weights.
std::vector<std::string> changes_of_updates(Recipe before, Recipe after, int64_t iteration);

}  // namespace monge::train
