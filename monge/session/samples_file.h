// Reads samples of any program for a score: one row each, or several rows for each input.
#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

#include "monge/core/log.h"

namespace monge::session {

struct FileSamples {
  torch::Tensor values;              ///< float64 [N, D] or, from a .npy file, also [N, K, D]; [N] becomes [N, 1]
  std::vector<std::string> columns;  ///< the names of the D columns, or empty if the file names none
};

/// @param path    a .npy file of numbers, or whatever data::open_source opens as vectors (.npz, .csv, .parquet).
/// @param role    what the file is, for messages ("--outputs").
/// @param wanted  columns to select by name, in this order; see data::select_columns. Empty: all.
/// @throws InputError naming role and path: missing, of another kind, endless, empty, or with values that are not
///         finite, of which it names the first row; and as data::select_columns.
FileSamples read_samples(const std::string& path, const std::string& role, const LogSink& log,
                         const std::vector<std::string>& wanted = {});

}  // namespace monge::session
