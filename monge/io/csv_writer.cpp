#include "monge/io/csv_writer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "monge/core/error.h"
#include "monge/io/tensor_file.h"

namespace monge::io {
namespace {

/// Appends a name. It is put in quotes if a reader would misread it: as several fields or lines, as a comment (#), or
/// without the blanks at its ends.
void add_name(const std::string& name, char separator, std::string& out) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  const bool quoted = name.find_first_of(std::string("\"\r\n;,\t") + separator) != std::string::npos ||
                      name.starts_with('#') || (!name.empty() && (blank(name.front()) || blank(name.back())));
  if (!quoted) {
    out += name;
    return;
  }
  out += '"';
  for (const char c : name) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

using Digits = std::array<char, 40>;

/// Prints the number without the digits below `step`. @return the end of its digits.
char* print(double value, double step, Digits& digits) {
  char* const begin = digits.data();
  char* const end = begin + digits.size();
  if (!std::isfinite(value) || !(step > 0)) return std::to_chars(begin, end, value).ptr;
  if (std::abs(value) < step / 2) value = 0;  // no "-0"
  if (value == 0) return std::to_chars(begin, end, 0).ptr;
  const double significant = std::ceil(std::log10(std::abs(value) / step)) + 1;
  if (significant >= std::numeric_limits<double>::max_digits10) return std::to_chars(begin, end, value).ptr;
  // Round, then read back and print the shortest form: 1.5 and not 1.500, 123400 and not 1.234e+05.
  auto* last =
      std::to_chars(begin, end, value, std::chars_format::scientific, std::max(static_cast<int>(significant), 1) - 1)
          .ptr;
  double rounded = 0;
  std::from_chars(begin, last, rounded);
  return std::to_chars(begin, end, rounded).ptr;
}

}  // namespace

std::string csv_header(const TableNames& names, char separator) {
  std::string out;
  if (names.columns.empty()) return out;
  const bool index = !names.rows.empty();
  if (index) add_name(names.index, separator, out);
  for (size_t k = 0; k < names.columns.size(); ++k) {
    if (index || k > 0) out += separator;
    add_name(names.columns[k], separator, out);
  }
  return out.empty() ? "\"\"\n" : out + '\n';  // readers skip empty lines
}

std::string csv_rows(const torch::Tensor& rows_ND, const CsvFormat& format, const std::vector<std::string>& row_names) {
  require(rows_ND.dim() == 2 && !rows_ND.is_complex(),
          "only a table [N, D] of real numbers can be written as text, got ", rows_ND.sizes(), " of ",
          type_name(rows_ND.scalar_type()), "; write .npy instead");
  const auto rows = plain(rows_ND);
  const bool whole = !rows.is_floating_point(), single = rows.element_size() <= 4;
  // float32 holds half precision exactly and prints fewer digits than double.
  const auto numbers = rows.to(whole ? torch::kInt64 : single ? torch::kFloat32 : torch::kFloat64);
  const int64_t columns = numbers.size(1);
  require(row_names.empty() || static_cast<int64_t>(row_names.size()) == numbers.size(0), "a table of ",
          numbers.size(0), " rows has ", row_names.size(), " row names");
  require(format.steps.empty() || static_cast<int64_t>(format.steps.size()) == columns, "a table of ", columns,
          " columns has ", format.steps.size(), " steps");
  std::string out;
  Digits digits;
  const auto print_all = [&](const auto* values, const auto& print_one) {
    for (int64_t i = 0; i < numbers.size(0); ++i) {
      if (!row_names.empty()) {
        add_name(row_names[static_cast<size_t>(i)], format.separator, out);
        out += format.separator;
      }
      for (int64_t k = 0; k < columns; ++k) {
        out.append(digits.data(), print_one(*values++, k));
        out += k + 1 == columns ? '\n' : format.separator;
      }
    }
  };
  const auto shortest = [&](auto value, int64_t) {
    return std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  };
  const auto stepped = [&](double value, int64_t k) {
    return print(value, format.steps[static_cast<size_t>(k)], digits);
  };
  if (whole) {
    print_all(numbers.const_data_ptr<int64_t>(), shortest);
  } else if (!format.steps.empty()) {
    print_all(numbers.to(torch::kFloat64).const_data_ptr<double>(), stepped);
  } else if (single) {
    print_all(numbers.const_data_ptr<float>(), shortest);
  } else {
    print_all(numbers.const_data_ptr<double>(), shortest);
  }
  return out;
}

}  // namespace monge::io
