#include "monge/io/csv.h"

#include <charconv>

#include "monge/core/error.h"
#include "monge/io/csv_writer.h"
#include "monge/io/tensor_file.h"

namespace monge::io {

std::string csv_text(const torch::Tensor& table) {
  require((table.dim() == 1 || table.dim() == 2) && !table.is_complex(),
          "only a table [N, D] or a column [N] of real numbers can be written as .csv, got ", table.sizes(), " of ",
          type_name(table.scalar_type()), "; write .npy instead");
  return csv_rows(table.dim() == 1 ? table.unsqueeze(1) : table);
}

void write_csv(const std::filesystem::path& path, const torch::Tensor& table, const Files& files) {
  files.replace(path, csv_text(table));
}

}  // namespace monge::io
