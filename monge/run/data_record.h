// What a run was trained on, and what it could not use.
#pragma once

#include <filesystem>

#include "monge/train/trainer.h"

namespace monge::run {

/// Writes FOLDER/data.json: for each side the name of what was opened, the numbers of training and held-out items (0
/// for endless laws), their shape, the names of columns where the table has them, and every image that was left out,
/// with its reason, or taken after a conversion (of a set that was decoded when it was opened).
void write_data_record(const std::filesystem::path& folder, const train::TrainingData& data);

}  // namespace monge::run
