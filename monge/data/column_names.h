// Matches the columns of tables by their names.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "monge/core/log.h"
#include "monge/data/source.h"
#include "monge/data/wrapped_source.h"

namespace monge::data {

/// The columns that a map was trained on, as the tables of its two sides name them. Empty if a table names none.
struct ColumnNames {
  std::vector<std::string> source, target;

  /// A side without names gets those of the other, because the cost compares the two column by column.
  ColumnNames completed() const { return {source.empty() ? target : source, target.empty() ? source : target}; }

  bool operator==(const ColumnNames&) const = default;
};

/// Columns for a message: names in quotes, or numbers counted from 0 if there are no names. A long list is cut.
std::string column_labels(const std::vector<std::string>& names, const std::vector<int64_t>& columns);

/// Some columns of another source of vectors, in the given order. Keeps the other source and has its name.
class SelectedColumns : public WrappedSource {
 public:
  /// @throws InputError for images, no columns, or a column that does not exist.
  SelectedColumns(std::shared_ptr<const Source> whole, std::vector<int64_t> columns);

  std::vector<int64_t> item_shape() const override { return {columns_.size(0)}; }
  torch::Tensor stored_items(const std::vector<int64_t>& indices) const override;
  torch::Tensor exact_items(const std::vector<int64_t>& indices) const override;
  io::TableNames table_names() const override;
  torch::Tensor draw(int64_t n, torch::Generator generator) const override;
  torch::Tensor exact_draw(int64_t n, torch::Generator generator) const override;

 private:
  torch::Tensor columns_;  ///< int64 [D]
};

/// Selects the columns `wanted` of a table by name. A table in another order is reordered, other columns are left out,
/// and both are logged. A table without names is matched by position, and so is any table if `wanted` is empty; both
/// give `source` itself.
/// @param role  what the table is, for messages ("the source", "IN").
/// @throws InputError naming the columns that are missing, or a repeated name whose column is ambiguous.
std::shared_ptr<const Source> select_columns(std::shared_ptr<const Source> source,
                                             const std::vector<std::string>& wanted, const std::string& role,
                                             const LogSink& log);

/// Aligns the columns of a training's target with those of its source. The cost compares column i with column i, so a
/// target with the same names in another order is reordered, which is logged. If the names differ, the columns are
/// paired by position and a warning shows the pairs. If a side has no names, the result is `target` itself.
/// @throws InputError when the numbers of columns differ, naming the columns that only one side has.
std::shared_ptr<const Source> pair_columns(const Source& source, std::shared_ptr<const Source> target,
                                           const LogSink& log);

}  // namespace monge::data
