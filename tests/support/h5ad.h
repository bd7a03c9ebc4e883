// Writes .h5ad files by HDF5's own functions, apart from the code under test.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace monge::testing {

/// A file that is written member by member; the groups on the way to a member are made. Everything throws
/// std::runtime_error when HDF5 fails.
class H5adFile {
 public:
  /// Creates the file, or opens an existing one to change it.
  explicit H5adFile(const std::filesystem::path& path, bool existing = false);
  ~H5adFile();
  H5adFile(const H5adFile&) = delete;
  H5adFile& operator=(const H5adFile&) = delete;

  /// A group with the attributes encoding-type and encoding-version, unless `encoding` is empty.
  void group(const std::string& path, const std::string& encoding = "", const std::string& version = "0.1.0");

  /// A data set of numbers. @param type  "f2", "f4", "f8", "i1" to "i8", "u1" to "u8", ">f4" (big-endian), "bool".
  /// @param filter  "", "gzip", or "unknown": a filter that no one has.
  void numbers(const std::string& path, const std::vector<double>& values, const std::vector<int64_t>& shape,
               const std::string& type = "f4", const std::string& filter = "");

  /// A data set of this shape of which nothing is stored.
  void claim(const std::string& path, const std::vector<uint64_t>& shape, bool chunked = true);

  /// A data set of texts, of variable length, or of `fixed` bytes each.
  void texts(const std::string& path, const std::vector<std::string>& values, size_t fixed = 0);

  void attribute(const std::string& path, const std::string& name, const std::string& value);
  void attribute(const std::string& path, const std::string& name, const std::vector<std::string>& values);
  void attribute(const std::string& path, const std::string& name, const std::vector<int64_t>& values);
  /// An attribute that refers to another object.
  void reference(const std::string& path, const std::string& name, const std::string& target);
  void remove(const std::string& path);

 private:
  int64_t file_;
};

/// A sparse matrix by rows ("csr_matrix") or columns ("csc_matrix") of the dense one, [rows, columns].
void put_sparse(H5adFile& file, const std::string& path, const std::vector<double>& dense, int64_t rows,
                int64_t columns, const std::string& encoding, const std::string& type = "f4");

/// Six cells of four genes in the form of anndata 0.8 and later. Value (i, j) is 10 i + j, and 0 in every third place.
///
///     X                 CSR float32       layers/counts  float64, plus 0.1      layers/turned  CSC
///     obsm/X_pca        float32 [6, 2]: i, -i                obsm/frame  a data frame: a, b
///     obs               condition (categorical: ctrl, stim, ctrl, ...), donor (integers 1..3), score (float32 i / 10),
///                       good (booleans), note (texts), age (nullable integers, the last one missing)
///     var               g0..g3, mean      varm/PCs  float64 [4, 2]              uns/seed  7
///     obsp/distances    CSR [6, 6]: 6 i + j                  raw/X  dense [6, 5], genes r0..r4
void write_cells(const std::filesystem::path& path);

/// The value (i, j) of X.
double cell_value(int64_t i, int64_t j);

}  // namespace monge::testing
