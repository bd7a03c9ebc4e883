// A table of outputs, written as its rows come.
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

/// What a table of outputs has beside its numbers.
struct TableFormat {
  torch::ScalarType type = torch::kFloat32;  ///< of a .npy; text has the digits of what is added
  io::TableNames names = {};                 ///< of columns, and of rows, one an item; for text
  std::vector<double> steps = {};            ///< see io::CsvFormat
};

/// Whether the name is that of a table of text: .csv or .tsv, also with .gz behind it.
bool is_text_table(const std::filesystem::path& path);

/// Writes .npy, .csv or .tsv piece by piece, text also compressed (.gz); little is held in memory. The file appears
/// whole, with finish(), or not at all.
class TableWriter {
 public:
  /// @param items  that will be added: a .npy says it before its data.
  /// @throws SystemError when the file cannot be made.
  TableWriter(std::filesystem::path path, int64_t items, TableFormat format = {});
  ~TableWriter();

  /// The outputs of one item, [K, ...item] with the same shape for all items, of a float type.
  /// @throws InputError for a text of anything but rows, or names that do not fit; SystemError when writing fails.
  void add(const torch::Tensor& draws);

  /// Publishes the file: [N, ...item] for one draw an item, [N, K, ...item] for several; a text has the N * K rows,
  /// each with the row name of its item.
  /// @throws InputError when other than `items` items were added.
  void finish();

 private:
  void add_text(const torch::Tensor& draws_KD);
  void flush();

  std::filesystem::path path_;
  bool text_;
  char separator_;
  int64_t items_, added_ = 0;
  TableFormat format_;
  PartFile part_;
  std::unique_ptr<io::GzipStream> gzip_;  ///< null where nothing is compressed
  std::string pending_;
  std::vector<int64_t> shape_;  ///< of the first item's outputs
};

}  // namespace monge::run
