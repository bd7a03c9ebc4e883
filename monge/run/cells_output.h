// The place of transported cells: "out.h5ad?obsm=X_transported&genes=transported&range=0..".
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "monge/core/value_range.h"

namespace monge::run {

/// A .h5ad file, and the names of what is added to it.
struct CellsOutput {
  std::filesystem::path file;
  std::string layer = {};        ///< of transported genes; empty: "transported"
  std::string obsm = {};         ///< of a transported embedding, or of some genes; empty: "X_transported"
  std::string genes = {};        ///< layer of genes computed from a transported embedding; empty: none
  std::string loadings = "PCs";  ///< the member of varm that leads from the embedding to genes
  bool keeps_rest = false;       ///< whether those genes keep what the components leave of each cell's X
  ValueRange range = {};         ///< to which those genes are clamped
};

/// Parses the place of an output; nothing unless it is a .h5ad. A '?' may belong to the name of a file that exists.
/// @throws InputError for an unknown parameter, an empty name, or a name with a slash.
std::optional<CellsOutput> cells_output(const std::string& out);

/// The file or folder that `out` names, without the parameters of a .h5ad.
std::filesystem::path output_file(const std::string& out);

}  // namespace monge::run
