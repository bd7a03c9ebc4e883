// Tables of numbers as text.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "monge/core/files.h"

namespace monge::io {

/// Reads a table of N rows and D columns as float32 [N, D].
///
/// Columns are separated by semicolons, tabs, commas, or spaces: by the first of these that the first row has. A first
/// row without any number is taken for a header and left out. Empty lines and lines that begin with # are skipped;
/// spaces around numbers, a byte order mark and CR LF line ends do no harm. nan and inf are read; whether they are
/// welcome is for the caller to say. Decimal points are points.
///
/// @throws Error  naming the file and the line: a field that is no number or beyond float32, rows of different
///                lengths, no row at all.
torch::Tensor read_csv(const std::filesystem::path& path, const Files& files = real_files());

/// The same from memory; `name` stands for the file in messages.
torch::Tensor parse_csv(std::string_view text, const std::string& name);

/// A [N, D] table, or a [N] one as a column, of any real type: commas, a row a line, the shortest digits that read back
/// as the same number. @throws Error on another shape or a complex type.
std::string csv_text(const torch::Tensor& table);

/// Writes the file in one durable step.
void write_csv(const std::filesystem::path& path, const torch::Tensor& table, const Files& files = real_files());

}  // namespace monge::io
