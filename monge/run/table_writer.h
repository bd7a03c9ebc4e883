// Writes a table of outputs row by row.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "monge/core/files.h"
#include "monge/io/gzip_stream.h"
#include "monge/io/table.h"

namespace monge::run {

/// The properties of a table of outputs besides its numbers.
struct TableFormat {
  torch::ScalarType type = torch::kFloat32;  ///< of a .npy; a text has the digits of the added tensors' type
  io::TableNames names = {};                 ///< names of columns, and of rows, one per item; for text
  std::vector<double> steps = {};            ///< see io::CsvFormat
};

/// Whether the name is that of a text table: .csv or .tsv, also followed by .gz.
bool is_text_table(const std::filesystem::path& path);

/// Writes .npy, .csv or .tsv item by item, text also compressed (.gz), and holds little in memory. The file appears
/// whole, with finish(), or not at all.
class TableWriter {
 public:
  /// @param items  the number of items that will be added, which a .npy states before its data.
  /// @throws SystemError if the file cannot be made.
  TableWriter(std::filesystem::path path, int64_t items, TableFormat format = {});
  ~TableWriter();

  /// Adds the outputs of one item: [K, ...item], of one shape for all items and of a float type.
  /// @throws InputError for a text of anything but rows, or names that do not fit; SystemError when writing fails.
  void add(const torch::Tensor& outputs);

  /// Publishes the file: [N, ...item] for one output per item, [N, K, ...item] for several; a text has N * K rows, each
  /// with the row name of its item.
  /// @throws InputError unless `items` items were added.
  void finish();

 private:
  void add_text(const torch::Tensor& outputs_KD);
  void flush();

  std::filesystem::path path_;
  bool text_;
  char separator_;
  int64_t items_, added_ = 0;
  TableFormat format_;
  PartFile part_;
  std::unique_ptr<io::GzipStream> gzip_;  ///< null if the file is not compressed
  std::string pending_;
  std::vector<int64_t> shape_;  ///< of the first item's outputs
};

}  // namespace monge::run
