#include "monge/io/csv.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <optional>

#include "monge/core/error.h"
#include "monge/io/csv_writer.h"

namespace monge::io {
namespace {

constexpr std::string_view blanks = " \t\r\v\f";

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

/// Takes the text up to `end` off the front of `text`, and `end` itself.
std::string_view cut(std::string_view& text, char end) {
  const auto at = text.find(end);
  const auto out = text.substr(0, at);
  text.remove_prefix(at == std::string_view::npos ? text.size() : at + 1);
  return out;
}

char separator_of(std::string_view line) {
  for (const char separator : {';', '\t', ','}) {
    if (line.find(separator) != std::string_view::npos) return separator;
  }
  return ' ';
}

/// The number that fills the field, unless there is none. Too small ones become 0, too large ones are no numbers.
std::optional<float> number_in(std::string_view field) {
  if (field.starts_with('+') && !field.starts_with("+-")) field.remove_prefix(1);
  float value = 0;
  const auto [end, fault] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (end != field.data() + field.size()) return {};
  if (fault == std::errc::result_out_of_range) {
    value = std::strtof(std::string(field).c_str(), nullptr);
    return std::isinf(value) ? std::optional<float>{} : value;
  }
  return fault == std::errc() ? std::optional{value} : std::nullopt;
}

/// Calls action(field) for every field of a line.
template <class Action>
void for_each_field(std::string_view line, char separator, Action&& action) {
  if (separator == ' ') {  // any run of blanks
    for (line = trimmed(line); !line.empty(); line = trimmed(line)) {
      const auto end = std::min(line.find_first_of(blanks), line.size());
      action(line.substr(0, end));
      line.remove_prefix(end);
    }
    return;
  }
  while (true) {
    const bool last = line.find(separator) == std::string_view::npos;
    action(trimmed(cut(line, separator)));
    if (last) return;
  }
}

bool is_header(std::string_view line, char separator) {
  bool numbers = false;
  for_each_field(line, separator, [&](std::string_view field) { numbers |= number_in(field).has_value(); });
  return !numbers;
}

}  // namespace

torch::Tensor parse_csv(std::string_view text, const std::string& name) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  std::vector<float> values;
  int64_t line_number = 0, first_line = 0, columns = 0, rows = 0;
  bool header_possible = true;
  char separator = 0;
  while (!text.empty()) {
    ++line_number;
    const auto line = cut(text, '\n');
    if (const auto content = trimmed(line); content.empty() || content.starts_with('#')) continue;
    if (rows == 0) separator = separator_of(trimmed(line));
    if (header_possible && is_header(line, separator)) {
      header_possible = false;
      continue;
    }
    header_possible = false;

    const auto before = static_cast<int64_t>(values.size());
    for_each_field(line, separator, [&](std::string_view field) {
      const auto number = number_in(field);
      if (!number) {
        throw Error(
            Complaint{.what = monge::text("field ", static_cast<int64_t>(values.size()) - before + 1, " is no number"),
                      .where = monge::text(name, " line ", line_number),
                      .value = shown(field),
                      .allowed = "numbers within float32, such as -1.5e-3",
                      .fix = "mend the line, or begin it with # to leave it out"});
      }
      values.push_back(*number);
    });
    const auto fields = static_cast<int64_t>(values.size()) - before;
    if (rows++ == 0) {
      columns = fields;
      first_line = line_number;
    }
    require(fields == columns, name, " line ", line_number, ": has ", fields, " numbers, the first row (line ",
            first_line, ") has ", columns, "; every row must have as many");
  }
  require(rows > 0, name, ": has no row of numbers; give one row of numbers a line");
  return torch::from_blob(values.data(), {rows, columns}, torch::kFloat32).clone();
}

torch::Tensor read_csv(const std::filesystem::path& path, const Files& files) {
  return parse_csv(files.read(path), path.string());
}

std::string csv_text(const torch::Tensor& table) {
  require((table.dim() == 1 || table.dim() == 2) && !table.is_complex(),
          "only a table [N, D] or a column [N] of real numbers is written as .csv, got ", table.sizes(), " of ",
          torch::toString(table.scalar_type()), "; write .npy instead");
  return csv_rows(table.dim() == 1 ? table.unsqueeze(1) : table);
}

void write_csv(const std::filesystem::path& path, const torch::Tensor& table, const Files& files) {
  files.replace(path, csv_text(table));
}

}  // namespace monge::io
