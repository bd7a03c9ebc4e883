// Reads .h5ad files: AnnData's tables of cells on HDF5.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace monge::io {

/// Which table of a file is meant: X, a layer, an embedding, or raw.X. At most one of the fields is set.
struct CellsChoice {
  std::string layer = {};  ///< a member of `layers`
  std::string obsm = {};   ///< a member of `obsm`
  bool raw = false;        ///< raw.X, with the genes of raw.var

  bool operator==(const CellsChoice&) const = default;
};

/// "COLUMN=VALUE" or "COLUMN!=VALUE" of the columns of obs.
struct CellCondition {
  std::string column, value;
  bool equal = true;

  bool operator==(const CellCondition&) const = default;
};

/// What is known of a table without reading its values.
struct CellsTableInfo {
  std::string element;                    ///< "X", "layers/counts", "obsm/X_pca", "raw/X"
  std::string form;                       ///< "dense", "CSR", "CSC", "data frame"
  int64_t width = 0;                      ///< its columns
  std::vector<std::string> columns = {};  ///< their names; empty for an embedding without names
};

/// An open .h5ad file of anndata 0.7 to 0.13.
///
/// Categorical columns may be in the old form (__categories) or the new one; texts of fixed or variable length; sparse
/// matrices by encoding-type or h5sparse_format; booleans, nullable columns. Nothing is allocated for a size that the
/// file claims before that size was compared with the other parts of the file and with the memory of this machine. The
/// compressions are gzip, lzf and those of HDF5's plugins. All calls of HDF5 in the process are made under one lock.
/// Each reading is first made by a child process, because HDF5 itself may crash on a damaged file (see crash_guard.h).
///
/// All functions throw InputError that names the file and the element: a missing or damaged part, parts whose sizes
/// differ, a filter that is not here.
class AnnDataFile {
 public:
  /// @throws InputError: missing, no HDF5, no AnnData, written before anndata 0.7.
  explicit AnnDataFile(std::filesystem::path path);
  ~AnnDataFile();

  int64_t cells() const { return static_cast<int64_t>(cell_names_.size()); }
  const std::vector<std::string>& cell_names() const { return cell_names_; }  ///< obs_names
  const std::vector<std::string>& gene_names() const { return gene_names_; }  ///< var_names
  const std::string& index_name() const { return index_name_; }               ///< of the cells; often "index"

  /// The cells that fulfil all conditions, ascending; all cells without conditions. Texts match by their letters,
  /// numbers by value, truth values as true or false. A missing value equals nothing.
  /// @param line  for messages.
  /// @throws InputError for a column or a value that does not exist (with the existing ones), or if no cell is left.
  std::vector<int64_t> cells_where(const std::vector<CellCondition>& conditions, const std::string& line) const;

  /// @throws InputError for a table that does not exist, with those that do.
  CellsTableInfo table(const CellsChoice& choice, const std::string& line) const;

  /// The chosen cells and columns of a table, in the type of the file; see matrix_type. Missing values are NaN.
  torch::Tensor read(const CellsTableInfo& table, const std::vector<int64_t>& cells,
                     const std::vector<int64_t>& columns) const;

  /// The means of a table's columns over all cells of the file, float64.
  torch::Tensor means(const CellsTableInfo& table) const;

  /// A member of varm, [genes, columns] in float64. @throws InputError with the existing members.
  torch::Tensor gene_matrix(const std::string& name) const;

 private:
  struct Parts;

  void open();
  std::vector<int64_t> find_cells(const std::vector<CellCondition>& conditions, const std::string& line) const;
  CellsTableInfo find_table(const CellsChoice& choice, const std::string& line) const;

  std::filesystem::path path_;
  std::unique_ptr<Parts> parts_;
  std::vector<std::string> cell_names_, gene_names_;
  std::string index_name_;
};

}  // namespace monge::io
