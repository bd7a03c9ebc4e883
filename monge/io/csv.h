// Writes tables of numbers as text; text_table.h reads them.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <string>

#include "monge/core/files.h"

namespace monge::io {

/// The text of a [N, D] table, or of a [N] one as a column, of any real type: one line per row, separated by commas,
/// with the shortest digits that read back as the same number.
/// @throws InputError for another shape or a complex type.
std::string csv_text(const torch::Tensor& table);

/// Writes the file in one durable step.
void write_csv(const std::filesystem::path& path, const torch::Tensor& table, const Files& files = real_files());

}  // namespace monge::io
