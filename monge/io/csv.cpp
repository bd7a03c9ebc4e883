#include "monge/io/csv.h"

#include <array>
#include <charconv>

#include "monge/core/error.h"
#include "monge/io/tensor_file.h"

namespace monge::io {

std::string csv_text(const torch::Tensor& table) {
  require((table.dim() == 1 || table.dim() == 2) && !table.is_complex(),
          "only a table [N, D] or a column [N] of real numbers is written as .csv, got ", table.sizes(), " of ",
          torch::toString(table.scalar_type()), "; write .npy instead");
  const auto rows_ND = plain(table.dim() == 1 ? table.unsqueeze(1) : table);
  const bool whole = !rows_ND.is_floating_point(), single = rows_ND.element_size() <= 4;
  // Half precision is exact in float32, which has the shorter digits.
  const auto numbers = rows_ND.to(whole ? torch::kInt64 : single ? torch::kFloat32 : torch::kFloat64);
  const int64_t columns = numbers.size(1);
  std::string out;
  const auto print = [&](const auto* values) {
    std::array<char, 32> digits;
    for (int64_t i = 0; i < numbers.numel(); ++i) {
      out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), values[i]).ptr);
      out += (i + 1) % columns == 0 ? '\n' : ',';
    }
  };
  if (whole) {
    print(numbers.const_data_ptr<int64_t>());
  } else if (single) {
    print(numbers.const_data_ptr<float>());
  } else {
    print(numbers.const_data_ptr<double>());
  }
  return out;
}

void write_csv(const std::filesystem::path& path, const torch::Tensor& table, const Files& files) {
  files.replace(path, csv_text(table));
}

}  // namespace monge::io
