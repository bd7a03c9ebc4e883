#include "monge/io/anndata.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "monge/core/checked.h"
#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/core/nearest.h"
#include "monge/io/anndata_frame.h"
#include "monge/io/anndata_matrix.h"
#include "monge/io/column_choice.h"
#include "monge/io/crash_guard.h"
#include "monge/io/hdf5.h"

namespace monge::io {
namespace {

std::vector<std::string> members(const Hdf5Node& root, const std::string& group) {
  return root.has(group) ? root.child(group).names() : std::vector<std::string>();
}

/// "layers: counts, raw; obsm: X_pca", for messages.
std::string tables_of(const Hdf5Node& root) {
  std::vector<std::string> out;
  if (root.has("X")) out.push_back("X");
  for (const char* group : {"layers", "obsm"}) {
    if (const auto names = members(root, group); !names.empty())
      out.push_back(std::string(group) + ": " + listed_columns(names));
  }
  if (root.has("raw") && root.child("raw").has("X")) out.push_back("raw");
  return out.empty() ? "none" : join(out, "; ");
}

std::string form_of(const Hdf5Node& element) {
  switch (anndata_kind(element)) {
    case AnnDataKind::csr:
      return "CSR";
    case AnnDataKind::csc:
      return "CSC";
    case AnnDataKind::frame:
      return "data frame";
    default:
      return "dense";
  }
}

std::string condition_text(const CellCondition& condition) {
  return shown(condition.column) + (condition.equal ? " = " : " != ") + shown(condition.value);
}

}  // namespace

struct AnnDataFile::Parts {
  Hdf5Node root;

  /// A member of a group of the root, after a message about what is there otherwise.
  Hdf5Node member(const std::string& group, const std::string& name, const std::string& what,
                  const std::string& line) const {
    const auto names = members(root, group);
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      throw InputError(
          {.what = "has no " + what + " of this name",
           .where = line,
           .value = shown(name),
           .allowed = names.empty() ? "the file has none; it holds " + tables_of(root) : listed_columns(names),
           .fix = suggestion(name, names)});
    }
    return root.child(group).child(name);
  }
};

AnnDataFile::AnnDataFile(std::filesystem::path path) : path_(std::move(path)) {
  const Hdf5Lock lock;
  guarded(path_.string(), [&] { open(); });
}

void AnnDataFile::open() {
  parts_ = std::make_unique<Parts>(Parts{Hdf5Node::open_file(path_)});
  const auto& root = parts_->root;
  if (!root.has("obs") || !root.has("var")) {
    throw InputError({.what = "is an HDF5 file, but not one of AnnData: it has no obs and var",
                      .where = path_.string(),
                      .value = "members: " + listed_columns(root.names()),
                      .fix = "write it by anndata: adata.write_h5ad(\"FILE.h5ad\")"});
  }
  const auto obs = root.child("obs"), var = root.child("var");
  if (!obs.is_group() || !var.is_group()) {
    throw InputError({.what = "was written by anndata before 0.7, whose data frames are not read",
                      .where = path_.string(),
                      .fix = "write it again: anndata.read_h5ad(\"OLD.h5ad\").write_h5ad(\"NEW.h5ad\")"});
  }
  cell_names_ = frame_index(obs);
  gene_names_ = frame_index(var);
  index_name_ = frame_index_name(obs);
}

AnnDataFile::~AnnDataFile() = default;

std::vector<int64_t> AnnDataFile::cells_where(const std::vector<CellCondition>& conditions,
                                              const std::string& line) const {
  const Hdf5Lock lock;
  return guarded(path_.string(), [&] { return find_cells(conditions, line); });
}

std::vector<int64_t> AnnDataFile::find_cells(const std::vector<CellCondition>& conditions,
                                             const std::string& line) const {
  const auto obs = parts_->root.child("obs");
  std::vector<char> keeps(cell_names_.size(), 1);
  std::vector<std::string> alone;
  for (const auto& condition : conditions) {
    auto names = frame_columns(obs);
    const bool known = std::find(names.begin(), names.end(), condition.column) != names.end();
    if (!known && condition.column != index_name_) {
      throw InputError({.what = "obs has no column of this name",
                        .where = line,
                        .value = shown(condition.column),
                        .allowed = names.empty() ? "obs has no columns" : listed_columns(names),
                        .fix = suggestion(condition.column, names)});
    }
    const auto column = frame_column(obs, condition.column, cells());
    const int64_t code = column.find(condition.value);
    if (code < 0) {
      throw InputError({.what = text("the column ", shown(condition.column), " of obs has no such value"),
                        .where = line,
                        .value = shown(condition.value),
                        .allowed = column.values.empty() ? "all its values are missing" : listed_columns(column.values),
                        .fix = suggestion(condition.value, column.values)});
    }
    int64_t count = 0;
    for (size_t i = 0; i < keeps.size(); ++i) {
      const bool fits = (column.codes[i] == code) == condition.equal;
      count += fits;
      keeps[i] = keeps[i] && fits;
    }
    alone.push_back(text(condition_text(condition), ": ", count));
  }
  std::vector<int64_t> out;
  for (size_t i = 0; i < keeps.size(); ++i) {
    if (keeps[i]) out.push_back(static_cast<int64_t>(i));
  }
  if (out.empty()) {
    throw InputError({.what = alone.empty() ? "holds no cells"
                                            : text("none of its ", cells(), " cells fulfils the conditions of where="),
                      .where = line,
                      .value = alone.empty() ? "" : "cells by each condition alone: " + join(alone)});
  }
  return out;
}

CellsTableInfo AnnDataFile::table(const CellsChoice& choice, const std::string& line) const {
  const Hdf5Lock lock;
  return guarded(path_.string(), [&] { return find_table(choice, line); });
}

CellsTableInfo AnnDataFile::find_table(const CellsChoice& choice, const std::string& line) const {
  const auto& root = parts_->root;
  CellsTableInfo out;
  const auto describe = [&](const std::string& name, const Hdf5Node& element) {
    const auto [height, width] = matrix_shape(element);
    if (height != cells()) element.refuse(text("has ", height, " rows, and obs has ", cells()));
    out.element = name;
    out.form = form_of(element);
    out.width = width;
    if (width == 0) element.refuse("has no columns");
  };
  if (!choice.obsm.empty()) {
    const auto element = parts_->member("obsm", choice.obsm, "member of obsm", line);
    describe("obsm/" + choice.obsm, element);
    // For the numbers of its columns.
    require_memory(element.where(), checked_multiply(out.width, sizeof(int64_t), element.where()));
    if (anndata_kind(element) == AnnDataKind::frame) out.columns = frame_columns(element);
    return out;
  }
  if (choice.raw) {
    require(root.has("raw") && root.child("raw").has("X") && root.child("raw").has("var"), line,
            ": the file has no raw; it holds ", tables_of(root));
    const auto raw = root.child("raw");
    describe("raw/X", raw.child("X"));
    out.columns = frame_index(raw.child("var"));
  } else if (!choice.layer.empty()) {
    describe("layers/" + choice.layer, parts_->member("layers", choice.layer, "layer", line));
    out.columns = gene_names_;
  } else {
    if (!root.has("X")) {
      throw InputError({.what = "has no X",
                        .where = line,
                        .allowed = tables_of(root),
                        .fix = "choose a layer with ?layer=NAME or an embedding with ?obsm=NAME"});
    }
    describe("X", root.child("X"));
    out.columns = gene_names_;
  }
  if (out.width != static_cast<int64_t>(out.columns.size())) {
    throw InputError(
        {.what = text(out.element, " has ", out.width, " columns, and var has ", out.columns.size()), .where = line});
  }
  return out;
}

namespace {

/// Makes a tensor of zeros and fills it in a child process, or here where that is not possible.
torch::Tensor filled_in_child(const std::string& file, const std::vector<int64_t>& shape, torch::ScalarType type,
                              const std::function<void(void*)>& fill) {
  auto out = shared_zeros(shape, type);
  auto* to = out.mutable_data_ptr();
  if (tried_in_child(file, [&] { fill(to); })) return out;
  out = torch::zeros(shape, type);
  fill(out.mutable_data_ptr());
  return out;
}

}  // namespace

torch::Tensor AnnDataFile::read(const CellsTableInfo& table, const std::vector<int64_t>& cells,
                                const std::vector<int64_t>& columns) const {
  const Hdf5Lock lock;
  const auto element = parts_->root.child(table.element);
  const auto type = guarded(path_.string(), [&] { return matrix_type(element); });
  const auto height = static_cast<int64_t>(cells.size()), width = static_cast<int64_t>(columns.size());
  // Beside the values there is their copy in float32.
  const int64_t bytes =
      static_cast<int64_t>(c10::elementSize(type)) + (type == torch::kFloat32 ? 0 : int64_t{sizeof(float)});
  require_memory(element.where() + (table.form == "dense" ? "" : ", made dense"),
                 checked_multiply(checked_multiply(height, width, element.where()), bytes, element.where()));
  return filled_in_child(path_.string(), {height, width}, type,
                         [&](void* to) { read_matrix(element, cells, columns, type, to); });
}

torch::Tensor AnnDataFile::means(const CellsTableInfo& table) const {
  const Hdf5Lock lock;
  const auto element = parts_->root.child(table.element);
  const auto sums = filled_in_child(path_.string(), {table.width}, torch::kFloat64,
                                    [&](void* to) { add_column_sums(element, static_cast<double*>(to)); });
  return sums / static_cast<double>(cells());
}

torch::Tensor AnnDataFile::gene_matrix(const std::string& name) const {
  const Hdf5Lock lock;
  const auto element = parts_->member("varm", name, "member of varm", path_.string());
  const auto [height, width] = matrix_shape(element);
  if (height != static_cast<int64_t>(gene_names_.size()))
    element.refuse(text("has ", height, " rows, and var has ", gene_names_.size()));
  const CellsTableInfo table{.element = "varm/" + name, .form = form_of(element), .width = width};
  require_memory(element.where(), checked_multiply(width, sizeof(int64_t), element.where()));
  std::vector<int64_t> rows(static_cast<size_t>(height)), columns(static_cast<size_t>(width));
  std::iota(rows.begin(), rows.end(), int64_t{0});
  std::iota(columns.begin(), columns.end(), int64_t{0});
  return read(table, rows, columns).to(torch::kFloat64);
}

}  // namespace monge::io
