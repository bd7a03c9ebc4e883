// Columns of tables by their names: which column of one table is which of another.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "monge/core/log.h"
#include "monge/data/source.h"
#include "monge/data/wrapped_source.h"

namespace monge::data {

/// The columns that a map was trained on, as the tables of its two sides name them; empty where a table names none.
struct ColumnNames {
  std::vector<std::string> source, target;

  /// A side without names has those of the other: the two are compared column by column.
  ColumnNames completed() const { return {source.empty() ? target : source, target.empty() ? source : target}; }

  bool operator==(const ColumnNames&) const = default;
};

/// Columns as they stand in a message: by name in quotes, by number (counted from 0) where there are no names; a long
/// list is cut.
std::string column_labels(const std::vector<std::string>& names, const std::vector<int64_t>& columns);

/// Some columns of another source of vectors, in the order given. Shares the other and has its name.
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

/// The columns `wanted` of a table, found by name: a table in another order is reordered, columns beside the wanted
/// ones are left out, and the log is told. A table without names is taken by position, and so is any table where
/// `wanted` is empty: both give `source` itself. A table whose names are all numbers, used where `wanted` is empty, is
/// warned of: they may be its first row.
/// @param role  what the table is, for messages ("the source", "IN").
/// @throws InputError  naming the columns that are missing, or one that is named twice where its place does not decide.
std::shared_ptr<const Source> select_columns(std::shared_ptr<const Source> source,
                                             const std::vector<std::string>& wanted, const std::string& role,
                                             const LogSink& log);

/// The target of a training beside its source. The cost compares column i with column i, so a target with the same
/// names in another order is brought into the order of the source, and the log is told. Where the names differ the
/// columns are paired by position, and a warning shows the pairs. Without names on both sides it is `target` itself,
/// and names of one side that are all numbers are warned of.
/// @throws InputError for other numbers of columns, naming those that only one side has.
std::shared_ptr<const Source> pair_columns(const Source& source, std::shared_ptr<const Source> target,
                                           const LogSink& log);

}  // namespace monge::data
