// Copies AnnData's elements with some of the cells. Internal to the files of io for AnnData.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "monge/io/hdf5.h"

namespace monge::io {

/// Copies the element `name` of a group as it is, with what it refers to.
void copy_element(const Hdf5Node& from, const std::string& name, const Hdf5Node& to);

/// Copies all attributes but references.
void copy_attributes(const Hdf5Node& from, const Hdf5Node& to);

/// Copies a whole file with some of its cells: the rows of X, obs, raw.X and of the members of obsm and layers, rows
/// and columns of the members of obsp. All else is copied as it is. Types, encodings, compressions and attributes stay;
/// a compression that is only read here (lzf) becomes gzip. Categories stay, also those that no cell has any more.
/// @param cells  numbers of cells, ascending. @param to  the root of an empty file.
/// @throws InputError for an element whose rows cannot be chosen (an awkward array), or that does not fit `count`
/// cells.
void copy_cells(const Hdf5Node& from, int64_t count, const std::vector<int64_t>& cells, const Hdf5Node& to);

}  // namespace monge::io
