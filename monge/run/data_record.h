// A record of the data that a run was trained on, and of the images that it could not use.
#pragma once

#include <filesystem>

#include "monge/train/trainer.h"

namespace monge::run {

/// Writes FOLDER/data.json. For each side it holds the name of the source, the numbers of training and held-out items
/// (0 for endless laws), their shape, the names of columns if the table has them, every image that was left out, with
/// the reason, and every image that was converted. Images are listed only for sets that were decoded when they were
/// opened.
void write_data_record(const std::filesystem::path& folder, const train::TrainingData& data);

}  // namespace monge::run
