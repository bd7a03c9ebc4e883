#include "monge/io/anndata_writer.h"

#include <fstream>
#include <optional>
#include <string>
#include <string_view>

#include "monge/core/error.h"
#include "monge/core/file_changes.h"
#include "monge/core/file_name.h"
#include "monge/core/files.h"
#include "monge/core/names.h"
#include "monge/core/part_guard.h"
#include "monge/io/anndata.h"
#include "monge/io/anndata_frame.h"
#include "monge/io/anndata_subset.h"
#include "monge/io/column_choice.h"
#include "monge/io/crash_guard.h"
#include "monge/io/hdf5.h"

namespace monge::io {
namespace {

namespace fs = std::filesystem;

void set_encoding(const Hdf5Node& node, const char* type, const char* version) {
  node.set_text_attribute("encoding-type", type);
  node.set_text_attribute("encoding-version", version);
}

/// A group of the root or of another group; made if it does not exist.
Hdf5Node group_of(const Hdf5Node& parent, const std::string& name) {
  if (parent.has(name)) {
    auto found = parent.child(name);
    require(found.is_group(), found.where(), ": is a data set, and a group is needed");
    return found;
  }
  auto made = parent.create_group(name);
  set_encoding(made, "dict", "0.1.0");
  return made;
}

void copy_whole_file(const fs::path& from, const fs::path& to) {
  remove_entry(to);  // what a killed process left
  std::ifstream in(from, std::ios::binary);
  std::string piece(size_t{4} << 20, '\0');
  while (in.read(piece.data(), static_cast<std::streamsize>(piece.size())), in.gcount() > 0)
    real_files().append(to, std::string_view(piece).substr(0, static_cast<size_t>(in.gcount())));
  if (!in.eof()) throw SystemError(from.string() + ": cannot be read to its end");
}

hid_t memory_type(torch::ScalarType type) { return type == torch::kFloat64 ? H5T_NATIVE_DOUBLE : H5T_NATIVE_FLOAT; }
hid_t file_type(torch::ScalarType type) { return type == torch::kFloat64 ? H5T_IEEE_F64LE : H5T_IEEE_F32LE; }

}  // namespace

struct AnnDataWriter::Parts {
  fs::path out, part;
  std::vector<std::string> cell_names;
  std::optional<Hdf5Node> root = {};
  struct Table {
    torch::ScalarType type;
    bool is_frame;
    std::vector<Hdf5Node> sets;  ///< one, or one per column of a data frame
  };
  std::vector<Table> tables = {};
  bool published = false;
  std::optional<PartGuard> guard = {};

  ~Parts() {
    const Hdf5Lock lock;
    tables.clear();
    root.reset();
    std::error_code ignored;
    if (!published) remove_entry(part, ignored);
  }
};

AnnDataWriter::AnnDataWriter(const fs::path& in, const std::vector<int64_t>& cells, fs::path out) {
  const Hdf5Lock lock;
  parts_ = std::make_unique<Parts>();
  auto& parts = *parts_;
  parts.out = std::move(out);
  parts.part = part_path(parts.out);
  parts.guard.emplace(parts.part);
  const AnnDataFile file(in);
  for (const int64_t cell : cells) parts.cell_names.push_back(file.cell_names().at(static_cast<size_t>(cell)));
  if (static_cast<int64_t>(cells.size()) == file.cells()) {
    copy_whole_file(in, parts.part);
    parts.root = Hdf5Node::open_file(parts.part, /*write=*/true);
  } else {
    const auto copy = [&] {
      const auto made = Hdf5Node::create_file(parts.part);
      copy_cells(Hdf5Node::open_file(in), file.cells(), cells, made);
      made.flush();
    };
    if (!tried_in_child(in.string(), copy)) copy();
    parts.root = Hdf5Node::open_file(parts.part, /*write=*/true);
  }
}

AnnDataWriter::~AnnDataWriter() = default;

size_t AnnDataWriter::add(const CellsEntry& entry) {
  const Hdf5Lock lock;
  auto& parts = *parts_;
  const auto group = group_of(*parts.root, entry.group);
  if (group.has(entry.name)) {
    throw InputError({.what = "the input has an element of this name already, and it would be lost",
                      .where = parts.out.string(),
                      .value = entry.group + '/' + entry.name,
                      .allowed = "other names than " + listed_columns(group.names()),
                      .fix = text("choose another: OUT.h5ad?", entry.group == "obsm" ? "obsm" : "layer", "=NAME")});
  }
  const auto count = static_cast<int64_t>(parts.cell_names.size());
  Parts::Table table{.type = entry.type, .is_frame = !entry.columns.empty(), .sets = {}};
  if (!table.is_frame) {
    table.sets.push_back(group.create(entry.name, file_type(entry.type), {count, entry.width}));
    set_encoding(table.sets[0], "array", "0.2.0");
  } else {
    const auto frame = group.create_group(entry.name);
    set_encoding(frame, "dataframe", "0.2.0");
    frame.set_text_attribute("_index", "_index");
    frame.set_texts_attribute("column-order", entry.columns);
    frame.create_texts("_index", parts.cell_names);
    for (const auto& column : entry.columns) {
      if (frame.has(column) || column.find('/') != std::string::npos) {
        throw InputError({.what = "cannot be a column of a data frame: it occurs twice, or holds a slash",
                          .where = parts.out.string(),
                          .value = shown(column)});
      }
      table.sets.push_back(frame.create(column, file_type(entry.type), {count}));
      set_encoding(table.sets.back(), "array", "0.2.0");
    }
  }
  parts.tables.push_back(std::move(table));
  return parts.tables.size() - 1;
}

void AnnDataWriter::write(size_t entry, int64_t begin, const torch::Tensor& rows) {
  const Hdf5Lock lock;
  const auto& table = parts_->tables.at(entry);
  const auto values = rows.to(table.type);
  if (!table.is_frame) {
    const auto plain = values.contiguous();
    return table.sets[0].write(begin, plain.size(0), memory_type(table.type), plain.const_data_ptr());
  }
  const auto columns = values.t().contiguous();
  for (size_t c = 0; c < table.sets.size(); ++c) {
    table.sets[c].write(begin, columns.size(1), memory_type(table.type),
                        columns[static_cast<int64_t>(c)].const_data_ptr());
  }
}

void AnnDataWriter::set_metadata(const std::string& name, const std::vector<std::pair<std::string, Value>>& values) {
  const Hdf5Lock lock;
  const auto monge = group_of(group_of(*parts_->root, "uns"), "monge");
  if (monge.has(name)) H5Ldelete(monge.id(), name.c_str(), H5P_DEFAULT);
  const auto group = group_of(monge, name);
  for (const auto& [key, value] : values) {
    if (const auto* word = std::get_if<std::string>(&value)) {
      const auto type = hdf5_text_type();
      const auto made = group.create(key, type.get(), {});
      const char* bytes = word->c_str();
      made.write(0, 1, type.get(), &bytes);
      set_encoding(made, "string", "0.2.0");
    } else {
      const bool whole = std::holds_alternative<int64_t>(value);
      const auto made = group.create(key, whole ? H5T_STD_I64LE : H5T_IEEE_F64LE, {});
      if (whole) {
        made.write(0, 1, H5T_NATIVE_INT64, std::get_if<int64_t>(&value));
      } else {
        made.write(0, 1, H5T_NATIVE_DOUBLE, std::get_if<double>(&value));
      }
      set_encoding(made, "numeric-scalar", "0.2.0");
    }
  }
}

void AnnDataWriter::finish() {
  const Hdf5Lock lock;
  auto& parts = *parts_;
  parts.tables.clear();
  parts.root->flush();
  parts.root.reset();
  sync_file(parts.part);
  real_files().publish(parts.part, parts.out);
  parts.published = true;
}

}  // namespace monge::io
