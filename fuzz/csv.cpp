// Fuzzes the reader of tables of text. The first line of an input has the parameters of its path
// ("header=no&separator=tab"), the rest is the file. Tables of finite numbers must be written and read again alike.
#include "monge/io/csv.h"

#include "fuzz/target.h"
#include "monge/data/array_path.h"
#include "monge/io/text_table.h"

MONGE_FUZZ_TARGET(csv) {
  using namespace monge;
  const std::string parameters(fuzz::take_line(input));
  io::Table table;
  const bool read = fuzz::accepted([&] {
    auto options = parameters.empty() ? io::TextTableOptions{} : data::array_path("fuzzed.csv?" + parameters).table;
    table = io::parse_text_table(input, "fuzzed.csv", options);
  });
  if (!read) return;
  const auto& values = table.values;
  fuzz::expect(values.dim() == 2 && values.is_contiguous() && values.scalar_type() == torch::kFloat64);
  fuzz::expect(table.names.columns.empty() || static_cast<int64_t>(table.names.columns.size()) == values.size(1));
  fuzz::expect(table.names.rows.empty() || static_cast<int64_t>(table.names.rows.size()) == values.size(0));
  if (values.numel() == 0 || !values.isfinite().all().item<bool>()) return;
  const io::TextTableOptions plain{.header = "no", .index = "none", .separator = "comma", .decimal = "point"};
  fuzz::expect(fuzz::same_tensor(io::parse_text_table(io::csv_text(values), "written.csv", plain).values, values));
}
