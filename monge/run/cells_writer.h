// Writes transported cells into a copy of their .h5ad file.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "monge/io/anndata_writer.h"
#include "monge/run/cells_output.h"

namespace monge::run {

/// What is written besides the numbers.
struct CellsFormat {
  std::string in;                            ///< the input, as data::array_path takes it: a .h5ad
  std::vector<std::string> columns = {};     ///< the names of the columns of outputs; empty: in the order of the input
  torch::ScalarType type = torch::kFloat32;  ///< of the numbers
  int64_t samples = 1;                       ///< outputs per item
  std::vector<std::pair<std::string, io::AnnDataWriter::Value>> metadata = {};  ///< for uns["monge"][NAME]
};

/// Writes an .h5ad file that is equal to the input, or to the chosen cells of it, but for what is added:
///
///     X or a layer, all genes     layers[NAME], in the order of var_names; NAME is "transported" by default
///     an embedding                obsm[NAME], a data frame if the embedding is one; "X_transported" by default
///     some genes, or raw.X        obsm[NAME], a data frame with the genes as columns
///     genes=NAME                  layers[NAME] = y PCs^T + m, clamped to `range`, where y is the transported embedding
///                                 and m = mean(X) - mean(embedding) PCs^T over all cells of the file; with rest=keep
///                                 X + (y - embedding) PCs^T, which keeps what the components leave of each cell
///
/// Several steps or samples have names of their own: NAME_step_1, NAME_1 (the first of several samples),
/// NAME_step_1_1.
class CellsWriter {
 public:
  /// Copies the input.
  /// @param items  rows that will be added. @param steps  values of t per row.
  /// @throws InputError if `out` names an element that cannot hold the outputs or exists already, or if the loadings do
  ///     not fit; SystemError when writing fails.
  CellsWriter(CellsOutput out, CellsFormat format, int64_t items, int64_t steps);
  ~CellsWriter();

  /// Adds the outputs of one item: for each step [K, D].
  void add(const std::vector<torch::Tensor>& steps_KD);

  /// Publishes the file. @throws InputError unless `items` items were added.
  void finish();

 private:
  struct Plan;

  void add_entries();
  torch::Tensor genes_of(const torch::Tensor& y_ND) const;
  void flush();

  CellsOutput out_;
  CellsFormat format_;
  int64_t items_, steps_, added_ = 0, written_ = 0;
  std::unique_ptr<Plan> plan_;
  std::unique_ptr<io::AnnDataWriter> writer_;
  std::vector<size_t> entries_, gene_entries_;  ///< by step, then sample
  std::vector<torch::Tensor> pending_;          ///< [steps, K, D] each
  int64_t pending_numbers_ = 0;
};

}  // namespace monge::run
