// Reads numbers from Parquet files (MONGE_PARQUET). Like image_parquet.cpp it uses Parquet's own column readers, not
// Arrow's tables: one batch of values at a time, where a definition level says whether a value is present.
#include "monge/data/parquet_table.h"

#include <arrow/io/file.h>
#include <arrow/util/key_value_metadata.h>
#include <parquet/api/reader.h>
#include <parquet/exception.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/core/nearest.h"
#include "monge/io/column_choice.h"
#include "monge/io/text_encoding.h"

namespace monge::data {
namespace {

namespace fs = std::filesystem;
using parquet::Type;
using Missing = io::TextTableOptions::Missing;

/// Runs `action`. Errors of Arrow become an InputError that names the file.
template <class Action>
auto reading(const fs::path& path, const Action& action) {
  try {
    return action();
  } catch (const Error&) {
    throw;
  } catch (const std::exception& failure) {
    const std::string_view reason = failure.what();
    throw InputError(
        text(path.string(), ": the Parquet file cannot be read: ", printable(reason.substr(0, reason.find('\n')))));
  }
}

std::unique_ptr<parquet::ParquetFileReader> open_reader(const fs::path& path) {
  parquet::ReaderProperties properties;
  properties.enable_buffered_stream();
  properties.set_page_checksum_verification(true);
  PARQUET_ASSIGN_OR_THROW(auto file, arrow::io::ReadableFile::Open(path.string()));
  return parquet::ParquetFileReader::Open(std::move(file), properties);
}

enum class Kind { number, unsigned_number, words, image, other };

Kind kind_of(const parquet::schema::Node& node) {
  if (node.is_repeated()) return Kind::other;
  if (node.is_group()) {  // Hugging Face's kind of images
    const auto& group = static_cast<const parquet::schema::GroupNode&>(node);
    return group.FieldIndex("bytes") >= 0 ? Kind::image : Kind::other;
  }
  const auto& leaf = static_cast<const parquet::schema::PrimitiveNode&>(node);
  const auto& logical = leaf.logical_type();
  const bool plain = !logical || logical->is_none();
  switch (leaf.physical_type()) {
    case Type::BOOLEAN:
    case Type::FLOAT:
    case Type::DOUBLE:
      return plain ? Kind::number : Kind::other;
    case Type::INT32:
    case Type::INT64:
      if (plain) return Kind::number;
      if (!logical->is_int()) return Kind::other;  // dates, times, decimals
      return static_cast<const parquet::IntLogicalType&>(*logical).is_signed() ? Kind::number : Kind::unsigned_number;
    case Type::BYTE_ARRAY:
      return logical && logical->is_string() ? Kind::words : plain ? Kind::image : Kind::other;
    default:
      return Kind::other;
  }
}

/// "day (INT32, Date)", for messages.
std::string described(const parquet::schema::Node& node) {
  if (!node.is_primitive()) return shown(node.name()) + " (nested)";
  const auto& leaf = static_cast<const parquet::schema::PrimitiveNode&>(node);
  const bool plain = !leaf.logical_type() || leaf.logical_type()->is_none();
  return shown(node.name()) + " (" + parquet::TypeToString(leaf.physical_type()) +
         (plain ? "" : ", " + leaf.logical_type()->ToString()) + ')';
}

bool is_number(Kind kind) { return kind == Kind::number || kind == Kind::unsigned_number; }

/// One column while it is read.
struct Column {
  int field = -1, leaf = -1;
  Kind kind = Kind::other;
  std::vector<double> values;  ///< NaN for missing ones
};

struct Reading {
  int64_t inexact = 0;             ///< whole numbers that float64 rounds
  std::vector<std::string> names;  ///< names of rows
};

/// Calls take(value) or take_null() for every row of a column in a row group.
template <class Reader, class Take, class TakeNull>
void for_each_value(const fs::path& path, parquet::ColumnReader& column, int64_t rows, const Take& take,
                    const TakeNull& take_null) {
  auto& reader = static_cast<Reader&>(column);
  const int16_t there = column.descr()->max_definition_level();
  constexpr int64_t kBatch = 1024;
  std::array<int16_t, kBatch> levels;
  std::array<typename Reader::T, kBatch> batch;
  int64_t seen = 0;
  while (reader.HasNext()) {
    levels.fill(there);  // the reader sets no levels if no value can be missing
    int64_t found = 0, used = 0;
    const int64_t read = reader.ReadBatch(kBatch, levels.data(), nullptr, batch.data(), &found);
    require(read > 0 && seen + read <= rows, path.string(), ": is damaged: a row group does not have the ", rows,
            " rows that it claims");
    for (int64_t i = 0; i < read; ++i) {
      if (levels[static_cast<size_t>(i)] != there) {
        take_null();
      } else {
        require(used < found, path.string(), ": is damaged: values are missing");
        take(batch[static_cast<size_t>(used++)]);
      }
    }
    seen += read;
  }
  require(seen == rows, path.string(), ": is damaged: a row group has ", seen, " of the ", rows,
          " rows that it claims");
}

void read_numbers(const fs::path& path, parquet::ColumnReader& reader, int64_t rows, Column& column, Reading& facts) {
  const auto null = [&] { column.values.push_back(std::numeric_limits<double>::quiet_NaN()); };
  const auto whole = [&](auto value) {
    const auto rounded = static_cast<double>(value);
    facts.inexact += static_cast<long double>(rounded) != static_cast<long double>(value);
    column.values.push_back(rounded);
  };
  const auto real = [&](auto value) { column.values.push_back(static_cast<double>(value)); };
  const bool plain = column.kind == Kind::number;
  switch (reader.type()) {
    case Type::BOOLEAN:
      return for_each_value<parquet::BoolReader>(path, reader, rows, real, null);
    case Type::FLOAT:
      return for_each_value<parquet::FloatReader>(path, reader, rows, real, null);
    case Type::DOUBLE:
      return for_each_value<parquet::DoubleReader>(path, reader, rows, real, null);
    case Type::INT32:
      return for_each_value<parquet::Int32Reader>(
          path, reader, rows, [&](int32_t v) { plain ? whole(v) : whole(static_cast<uint32_t>(v)); }, null);
    default:
      return for_each_value<parquet::Int64Reader>(
          path, reader, rows, [&](int64_t v) { plain ? whole(v) : whole(static_cast<uint64_t>(v)); }, null);
  }
}

/// Reads the names of rows: texts, whole numbers unchanged, other numbers in their shortest form; empty for a missing
/// one.
void read_names(const fs::path& path, parquet::ColumnReader& reader, int64_t rows, Kind kind,
                std::vector<std::string>& names) {
  const auto null = [&] { names.emplace_back(); };
  const auto number = [&](auto value) {
    char digits[32];
    const auto* const begin = digits;
    names.emplace_back(begin, static_cast<const char*>(std::to_chars(digits, digits + sizeof digits, value).ptr));
  };
  const bool plain = kind == Kind::number;
  switch (reader.type()) {
    case Type::BYTE_ARRAY:
      return for_each_value<parquet::ByteArrayReader>(
          path, reader, rows,
          [&](const parquet::ByteArray& v) {
            names.push_back(io::utf8_name({reinterpret_cast<const char*>(v.ptr), v.len}));
          },
          null);
    case Type::BOOLEAN:
      return for_each_value<parquet::BoolReader>(
          path, reader, rows, [&](bool v) { names.emplace_back(v ? "true" : "false"); }, null);
    case Type::FLOAT:
      return for_each_value<parquet::FloatReader>(path, reader, rows, number, null);
    case Type::DOUBLE:
      return for_each_value<parquet::DoubleReader>(path, reader, rows, number, null);
    case Type::INT32:
      return for_each_value<parquet::Int32Reader>(
          path, reader, rows, [&](int32_t v) { plain ? number(v) : number(static_cast<uint32_t>(v)); }, null);
    default:
      return for_each_value<parquet::Int64Reader>(
          path, reader, rows, [&](int64_t v) { plain ? number(v) : number(static_cast<uint64_t>(v)); }, null);
  }
}

/// The structure of the table, taken from the first file.
struct Schema {
  std::vector<std::string> names;  ///< names of all fields
  std::vector<Column> columns;     ///< in the order of the choice
  Column index;                    ///< field -1: none
};

/// The column that pandas wrote its index to, or -1.
int pandas_index(const parquet::FileMetaData& metadata, const std::vector<std::string>& names) {
  const auto find = [&](const std::string& name) {
    const auto at = std::find(names.begin(), names.end(), name);
    return at == names.end() ? -1 : static_cast<int>(at - names.begin());
  };
  const auto notes = metadata.key_value_metadata();
  const int key = notes ? notes->FindKey("pandas") : -1;
  if (key >= 0) {
    const auto json = nlohmann::json::parse(notes->value(key), nullptr, /*allow_exceptions=*/false);
    if (json.is_object() && json.contains("index_columns") && json["index_columns"].is_array() &&
        json["index_columns"].size() == 1 && json["index_columns"][0].is_string()) {
      return find(json["index_columns"][0].get<std::string>());
    }
  }
  return find("__index_level_0__");
}

Schema schema_of(const ParquetPath& path, const fs::path& file, const parquet::FileMetaData& metadata) {
  const auto& root = *metadata.schema()->group_node();
  Schema out;
  for (int f = 0; f < root.field_count(); ++f) out.names.push_back(root.field(f)->name());
  const auto column = [&](int64_t field) {
    const auto& node = *root.field(static_cast<int>(field));
    return Column{.field = static_cast<int>(field),
                  .leaf = node.is_primitive() ? metadata.schema()->ColumnIndex(node) : -1,
                  .kind = kind_of(node),
                  .values = {}};
  };
  const auto numbers = [&] {
    std::vector<std::string> fitting;
    for (int f = 0; f < root.field_count(); ++f) {
      if (is_number(kind_of(*root.field(f))) && f != out.index.field) fitting.push_back(root.field(f)->name());
    }
    return fitting;
  };
  const int64_t count = root.field_count();
  const auto where = file.string();
  if (path.index != "none") {
    const int64_t index =
        path.index.empty() ? pandas_index(metadata, out.names) : io::find_column(path.index, out.names, count, where);
    if (index >= 0) out.index = column(index);
    if (index >= 0 && !is_number(out.index.kind) && out.index.kind != Kind::words) {
      throw InputError({.what = "the column cannot name rows",
                        .where = where,
                        .value = described(*root.field(static_cast<int>(index)))});
    }
  }
  std::vector<int64_t> chosen;
  if (path.columns.empty()) {
    for (int64_t f = 0; f < count; ++f) {
      if (f != out.index.field) chosen.push_back(f);
    }
  } else {
    chosen = io::choose_columns(path.columns, out.names, count, where);
  }
  for (const int64_t f : chosen) {
    auto next = column(f);
    if (!is_number(next.kind)) {
      const auto fitting = numbers();
      throw InputError({.what = "a column holds no numbers",
                        .where = where,
                        .value = described(*root.field(static_cast<int>(f))),
                        .allowed = fitting.empty() ? "" : io::listed_columns(fitting),
                        .fix = fitting.empty()
                                   ? ""
                                   : "choose columns of numbers with ?columns=a,b, or name the rows with ?index=NAME"});
    }
    out.columns.push_back(std::move(next));
  }
  require(!out.columns.empty(), where, ": has no column of numbers besides its index");
  return out;
}

/// Reads the columns of all files, in order. @return whether all values are float32.
bool read_files(const ParquetPath& path, Schema& schema, Reading& facts) {
  bool single = true;
  for (const auto& file : parquet_files(path)) {
    reading(file, [&] {
      const auto reader = open_reader(file);
      const auto metadata = reader->metadata();
      if (schema.columns.empty()) {
        schema = schema_of(path, file, *metadata);
      } else {
        const auto own = schema_of(path, file, *metadata);
        bool same = own.names == schema.names && own.index.leaf == schema.index.leaf &&
                    own.columns.size() == schema.columns.size();
        for (size_t i = 0; same && i < own.columns.size(); ++i)
          same = own.columns[i].leaf == schema.columns[i].leaf && own.columns[i].kind == schema.columns[i].kind;
        require(same, file.string(), ": its columns differ from those of the files before it");
      }
      for (int g = 0; g < metadata->num_row_groups(); ++g) {
        const auto group = reader->RowGroup(g);
        const int64_t rows = group->metadata()->num_rows();
        for (auto& column : schema.columns) {
          single &= metadata->schema()->Column(column.leaf)->physical_type() == Type::FLOAT;
          read_numbers(file, *group->Column(column.leaf), rows, column, facts);
        }
        if (schema.index.field >= 0)
          read_names(file, *group->Column(schema.index.leaf), rows, schema.index.kind, facts.names);
      }
      return 0;
    });
  }
  return single;
}

}  // namespace

bool holds_parquet_table(const ParquetPath& path) {
  if (path.names_table()) return true;
  if (!path.column.empty()) return false;
  const auto file = parquet_files(path).front();
  return reading(file, [&] {
    const auto metadata = open_reader(file)->metadata();
    const auto& root = *metadata->schema()->group_node();
    bool numbers = false;
    for (int f = 0; f < root.field_count(); ++f) {
      const auto kind = kind_of(*root.field(f));
      if (kind == Kind::image) return false;
      numbers |= is_number(kind);
    }
    return numbers;
  });
}

io::Table read_parquet_table(const ParquetPath& path, Missing missing) {
  if (path.drop_missing) missing = Missing::drop;
  Schema schema;
  Reading facts;
  const bool single = read_files(path, schema, facts);
  const auto width = static_cast<int64_t>(schema.columns.size());
  const auto rows = static_cast<int64_t>(schema.columns[0].values.size());
  require(rows > 0, path.whole, ": holds no rows");
  io::Table out;
  for (const auto& column : schema.columns)
    out.names.columns.push_back(io::utf8_name(schema.names[static_cast<size_t>(column.field)]));
  const auto values = torch::empty({rows, width}, torch::kFloat64);
  auto* to = values.mutable_data_ptr<double>();
  int64_t kept = 0;
  for (int64_t r = 0; r < rows; ++r) {
    bool whole = true;
    for (int64_t d = 0; d < width; ++d) {
      const double value = schema.columns[static_cast<size_t>(d)].values[static_cast<size_t>(r)];
      to[kept * width + d] = value;
      if (!std::isnan(value)) continue;
      whole = false;
      if (missing != Missing::refuse) continue;
      throw InputError({.what = text("row ", r, ", column ", shown(out.names.columns[static_cast<size_t>(d)]),
                                     ": a value is missing (null or NaN)"),
                        .where = path.whole,
                        .allowed = "numbers",
                        .fix = "fill it, drop such rows with ?missing=drop, or leave out the column with ?columns="});
    }
    if (!whole && missing == Missing::drop) continue;
    if (schema.index.field >= 0) out.names.rows.push_back(std::move(facts.names[static_cast<size_t>(r)]));
    ++kept;
  }
  require(kept > 0, path.whole, ": each of its ", rows, " rows has a missing value");
  out.values = kept < rows ? values.narrow(0, 0, kept).clone() : values;
  if (single) out.values = out.values.to(torch::kFloat32);
  std::vector<std::string> notes = {"Parquet"};
  if (schema.index.field >= 0) {
    const auto& name = schema.names[static_cast<size_t>(schema.index.field)];
    out.names.index = name == "__index_level_0__" ? "" : io::utf8_name(name);
    notes.push_back("index " + shown(name));
  }
  const auto fields = static_cast<int64_t>(schema.names.size()) - (schema.index.field >= 0);
  if (width < fields) notes.push_back(text(width, " of ", fields, " columns chosen"));
  if (kept < rows) notes.push_back(text(rows - kept, " of ", rows, " rows left out for missing values"));
  if (facts.inexact > 0) notes.push_back(text(facts.inexact, " whole numbers rounded to float64"));
  out.reading = join(notes);
  return out;
}

}  // namespace monge::data
