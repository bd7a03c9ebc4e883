// The options that a resumed run may change, and the messages that report the changes.
#pragma once

#include <string>
#include <vector>

#include "monge/train/recipe.h"

namespace monge::train {

/// The keys that may change, by their Option::on_resume. A section whose keys may all change appears as "checkpoint.*".
/// All other keys would make another problem, other nets or another order of the data. For example, the count of
/// updates numbers the batches and noises, and train.k_t would set that count back or forward.
std::vector<std::string> changeable();

/// @throws InputError naming the first assignment ("section.key=value") of a key that may not change, and the keys that
///         may.
void require_changeable(const std::vector<std::string>& assignments);

/// Messages about what the next iterations will do differently from those before:
///
///     train.lr_map 0.0002 -> 0.0001 from iteration 501 on; from there the run is another one than it would have been
///     the learning rate of the map jumps at iteration 501: 3.1e-05 -> 0.00012 (train.schedule = "cosine",
///     train.iterations 600 -> 1200)
///
/// @param iteration  iterations done so far.
/// @throws InputError when train.ema changes from or to 0, which would need another set of weights.
std::vector<std::string> changes_of_updates(Recipe before, Recipe after, int64_t iteration);

}  // namespace monge::train
