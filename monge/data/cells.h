// Tables of single cells, .h5ad files of AnnData, as sources.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "monge/data/array_path.h"
#include "monge/io/anndata.h"
#include "monge/io/table.h"

namespace monge::data {

/// The chosen part of a .h5ad file.
struct CellsTable {
  io::Table table;               ///< rows have the names of the cells, columns those of the genes
  io::CellsTableInfo info;       ///< of the whole table
  std::vector<int64_t> cells;    ///< the numbers of its rows in the file, ascending
  std::vector<int64_t> columns;  ///< the numbers of its columns in the file
};

/// Reads the table that array_path names, in the type of the file; see io::AnnDataFile::read.
/// @param missing  does not override the path's own parameter.
/// @throws InputError as io::AnnDataFile; under `refuse` for a missing value, under `drop` if no row is left.
CellsTable read_cells(const std::string& line, io::TextTableOptions::Missing missing);

/// Which cells and columns of the file are the rows and columns of that table. Reads the values only if rows with
/// missing ones are dropped.
CellsTable choose_cells(const std::string& line);

}  // namespace monge::data
