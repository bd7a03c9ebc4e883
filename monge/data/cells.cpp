#include "monge/data/cells.h"

#include <numeric>

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/core/nearest.h"
#include "monge/io/column_choice.h"
#include "monge/io/text_encoding.h"

namespace monge::data {
namespace {

using Missing = io::TextTableOptions::Missing;

/// Everything but the values.
CellsTable chosen_cells(const io::AnnDataFile& file, const ArrayPath& path, const std::string& line) {
  CellsTable out;
  out.info = file.table(path.cells, line);
  out.cells = file.cells_where(path.conditions, line);
  if (path.table.columns.empty()) {
    out.columns.resize(static_cast<size_t>(out.info.width));
    std::iota(out.columns.begin(), out.columns.end(), int64_t{0});
  } else {
    out.columns = io::choose_columns(path.table.columns, out.info.columns, out.info.width, line);
  }
  return out;
}

std::string reading_of(const CellsTable& chosen, int64_t cells, size_t dropped) {
  std::vector<std::string> notes = {"AnnData", chosen.info.element, chosen.info.form};
  const auto count = static_cast<int64_t>(chosen.cells.size() + dropped);
  if (count < cells) notes.push_back(text(count, " of ", cells, " cells chosen"));
  const auto width = static_cast<int64_t>(chosen.columns.size());
  if (width < chosen.info.width) notes.push_back(text(width, " of ", chosen.info.width, " columns chosen"));
  if (dropped > 0) notes.push_back(text(dropped, " rows left out for missing values"));
  return join(notes);
}

/// Leaves out the rows with NaN. @return their number.
size_t drop_missing(CellsTable& chosen, const std::string& line) {
  auto& values = chosen.table.values;
  if (!values.is_floating_point()) return 0;
  const auto keeps = values.isnan().any(1).logical_not();
  const auto kept = keeps.nonzero().flatten();
  const auto dropped = static_cast<size_t>(values.size(0) - kept.size(0));
  if (dropped == 0) return 0;
  require(kept.size(0) > 0, line, ": each of its ", values.size(0), " rows has a missing value");
  values = values.index_select(0, kept);
  std::vector<int64_t> cells;
  for (int64_t i = 0; i < kept.size(0); ++i)
    cells.push_back(chosen.cells[static_cast<size_t>(kept.const_data_ptr<int64_t>()[i])]);
  chosen.cells = std::move(cells);
  return dropped;
}

void refuse_missing(const CellsTable& chosen, const io::AnnDataFile& file, const std::string& line) {
  const auto& values = chosen.table.values;
  if (!values.is_floating_point()) return;
  const auto bad = values.isnan();
  if (!bad.any().item<bool>()) return;
  const int64_t first = bad.flatten().to(torch::kUInt8).argmax().item<int64_t>();
  const auto column = chosen.columns[static_cast<size_t>(first % values.size(1))];
  const auto cell = chosen.cells[static_cast<size_t>(first / values.size(1))];
  throw InputError({.what = text("cell ", shown(file.cell_names()[static_cast<size_t>(cell)]), ", column ",
                                 chosen.info.columns.empty() ? std::to_string(column)
                                                             : shown(chosen.info.columns[static_cast<size_t>(column)]),
                                 ": a value is missing (NaN); ", bad.sum().item<int64_t>(), " are"),
                    .where = line,
                    .allowed = "numbers",
                    .fix = "fill it, drop such cells with ?missing=drop, or leave out the column with ?columns="});
}

}  // namespace

CellsTable read_cells(const std::string& line, Missing missing) {
  const auto path = array_path(line);
  if (path.table.missing != Missing::refuse) missing = path.table.missing;
  const io::AnnDataFile file(path.file);
  auto out = chosen_cells(file, path, line);
  auto& table = out.table;
  table.values = file.read(out.info, out.cells, out.columns);
  const size_t dropped = missing == Missing::drop ? drop_missing(out, line) : 0;
  if (missing == Missing::refuse) refuse_missing(out, file, line);
  for (const int64_t cell : out.cells)
    table.names.rows.push_back(io::utf8_name(file.cell_names()[static_cast<size_t>(cell)]));
  if (!out.info.columns.empty()) {
    for (const int64_t column : out.columns)
      table.names.columns.push_back(io::utf8_name(out.info.columns[static_cast<size_t>(column)]));
  }
  const auto& index = file.index_name();
  if (index != "_index" && index != "index") table.names.index = io::utf8_name(index);
  table.reading = reading_of(out, file.cells(), dropped);
  return out;
}

CellsTable choose_cells(const std::string& line) {
  const auto path = array_path(line);
  if (path.table.missing == Missing::drop) return read_cells(line, Missing::drop);
  return chosen_cells(io::AnnDataFile(path.file), path, line);
}

}  // namespace monge::data
