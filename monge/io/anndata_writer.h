// Writes a .h5ad file that is another one, or some of its cells, with more tables.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace monge::io {

/// A table that is added to a file: a member of `layers` or `obsm`, with one row per cell.
struct CellsEntry {
  std::string group;                         ///< "layers" or "obsm"
  std::string name;                          ///< its name there
  int64_t width = 0;                         ///< columns
  torch::ScalarType type = torch::kFloat32;  ///< kFloat32 or kFloat64
  std::vector<std::string> columns = {};     ///< if not empty, the entry is a data frame with these columns
};

/// The file appears whole, with finish(), or not at all; until then it has the name `out`.part.
///
/// Without a choice of cells the file is a copy of the input, byte by byte, to which the entries are added; with a
/// choice it is written anew, see copy_cells. All else is equal to the input. Not for several threads at once.
class AnnDataWriter {
 public:
  using Value = std::variant<std::string, int64_t, double>;

  /// Copies the input.
  /// @param cells  the numbers of its cells, ascending; all of them: a copy.
  /// @throws InputError as AnnDataFile and copy_cells; SystemError when writing fails.
  AnnDataWriter(const std::filesystem::path& in, const std::vector<int64_t>& cells, std::filesystem::path out);
  ~AnnDataWriter();

  /// Makes room for a table. @return its number.
  /// @throws InputError if the input has an element of this name, with what is there.
  size_t add(const CellsEntry& entry);

  /// Writes rows [begin, begin + n) of a table, [n, width].
  void write(size_t entry, int64_t begin, const torch::Tensor& rows);

  /// Writes uns["monge"][name], a dictionary; replaces one of this name.
  void set_metadata(const std::string& name, const std::vector<std::pair<std::string, Value>>& values);

  /// Publishes the file. @throws SystemError when writing fails.
  void finish();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace monge::io
