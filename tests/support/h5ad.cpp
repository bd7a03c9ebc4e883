#include "tests/support/h5ad.h"

#include <hdf5.h>

#include <algorithm>
#include <stdexcept>

namespace monge::testing {
namespace {

hid_t checked(hid_t id, const std::string& what) {
  if (id < 0) throw std::runtime_error("HDF5 failed: " + what);
  return id;
}

hid_t text_type(size_t fixed) {
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, fixed == 0 ? H5T_VARIABLE : fixed);
  H5Tset_cset(type, H5T_CSET_UTF8);
  return type;
}

hid_t boolean_type() {
  const hid_t type = H5Tenum_create(H5T_NATIVE_INT8);
  int8_t value = 0;
  H5Tenum_insert(type, "FALSE", &value);
  value = 1;
  H5Tenum_insert(type, "TRUE", &value);
  return type;
}

hid_t half_type() {
  const hid_t type = H5Tcopy(H5T_IEEE_F32LE);
  H5Tset_fields(type, 15, 10, 5, 0, 10);
  H5Tset_size(type, 2);
  H5Tset_ebias(type, 15);
  return type;
}

hid_t number_type(const std::string& name) {
  if (name == "bool") return boolean_type();
  if (name == "f2") return half_type();
  const std::pair<const char*, hid_t> types[] = {
      {"f4", H5T_IEEE_F32LE}, {"f8", H5T_IEEE_F64LE}, {">f4", H5T_IEEE_F32BE}, {"i1", H5T_STD_I8LE},
      {"i2", H5T_STD_I16LE},  {"i4", H5T_STD_I32LE},  {"i8", H5T_STD_I64LE},   {"u1", H5T_STD_U8LE},
      {"u2", H5T_STD_U16LE},  {"u4", H5T_STD_U32LE},  {"u8", H5T_STD_U64LE}};
  for (const auto& [known, type] : types) {
    if (name == known) return H5Tcopy(type);
  }
  throw std::runtime_error("no such type: " + name);
}

std::vector<const char*> pointers(const std::vector<std::string>& values) {
  std::vector<const char*> out;
  for (const auto& value : values) out.push_back(value.c_str());
  return out;
}

hid_t link_plan() {
  const hid_t plan = H5Pcreate(H5P_LINK_CREATE);
  H5Pset_create_intermediate_group(plan, 1);
  return plan;
}

}  // namespace

H5adFile::H5adFile(const std::filesystem::path& path, bool existing)
    : file_((H5dont_atexit(),  // as monge does, see hdf5.cpp
             H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr),
             checked(existing ? H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT)
                              : H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT),
                     path.string()))) {}

H5adFile::~H5adFile() { H5Fclose(file_); }

void H5adFile::group(const std::string& path, const std::string& encoding, const std::string& version) {
  const hid_t plan = link_plan();
  H5Gclose(checked(H5Gcreate2(file_, path.c_str(), plan, H5P_DEFAULT, H5P_DEFAULT), path));
  H5Pclose(plan);
  if (encoding.empty()) return;
  attribute(path, "encoding-type", encoding);
  attribute(path, "encoding-version", version);
}

void H5adFile::numbers(const std::string& path, const std::vector<double>& values, const std::vector<int64_t>& shape,
                       const std::string& type_name, const std::string& filter) {
  const std::vector<hsize_t> extents(shape.begin(), shape.end());
  const hid_t space = H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr);
  const hid_t type = number_type(type_name), plan = link_plan(), layout = H5Pcreate(H5P_DATASET_CREATE);
  if (!filter.empty()) {
    auto chunks = extents;
    chunks[0] = std::max<hsize_t>(1, (chunks[0] + 1) / 2);
    H5Pset_chunk(layout, static_cast<int>(chunks.size()), chunks.data());
    // Optional, so that it is stored although no one can apply it.
    if (filter == "unknown") H5Pset_filter(layout, 32015, H5Z_FLAG_OPTIONAL, 0, nullptr);
    if (filter == "gzip") H5Pset_deflate(layout, 4);
  }
  const hid_t set = checked(H5Dcreate2(file_, path.c_str(), type, space, plan, layout, H5P_DEFAULT), path);
  if (type_name == "bool") {
    const std::vector<int8_t> bytes(values.begin(), values.end());
    H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data());
  } else if (!values.empty()) {
    H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
  }
  for (const hid_t id : {layout, plan}) H5Pclose(id);
  H5Dclose(set);
  H5Tclose(type);
  H5Sclose(space);
}

void H5adFile::claim(const std::string& path, const std::vector<uint64_t>& shape, bool chunked) {
  const std::vector<hsize_t> extents(shape.begin(), shape.end());
  const hid_t space = checked(H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr), path);
  const hid_t plan = link_plan(), layout = H5Pcreate(H5P_DATASET_CREATE);
  if (chunked) {
    const std::vector<hsize_t> chunks(extents.size(), 1);
    H5Pset_chunk(layout, static_cast<int>(chunks.size()), chunks.data());
  }
  H5Dclose(checked(H5Dcreate2(file_, path.c_str(), H5T_IEEE_F32LE, space, plan, layout, H5P_DEFAULT), path));
  for (const hid_t id : {layout, plan}) H5Pclose(id);
  H5Sclose(space);
}

void H5adFile::texts(const std::string& path, const std::vector<std::string>& values, size_t fixed) {
  const hsize_t count = values.size();
  const hid_t space = H5Screate_simple(1, &count, nullptr), type = text_type(fixed), plan = link_plan();
  const hid_t set = checked(H5Dcreate2(file_, path.c_str(), type, space, plan, H5P_DEFAULT, H5P_DEFAULT), path);
  if (fixed == 0) {
    if (count > 0) H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, pointers(values).data());
  } else {
    std::string bytes(fixed * values.size(), '\0');
    for (size_t i = 0; i < values.size(); ++i) bytes.replace(i * fixed, values[i].size(), values[i]);
    H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data());
  }
  H5Dclose(set);
  H5Pclose(plan);
  H5Tclose(type);
  H5Sclose(space);
}

void H5adFile::attribute(const std::string& path, const std::string& name, const std::string& value) {
  const hid_t object = checked(H5Oopen(file_, path.c_str(), H5P_DEFAULT), path), type = text_type(0);
  const hid_t space = H5Screate(H5S_SCALAR);
  H5Adelete(object, name.c_str());
  const hid_t made = checked(H5Acreate2(object, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT), name);
  const char* bytes = value.c_str();
  H5Awrite(made, type, &bytes);
  H5Aclose(made);
  H5Sclose(space);
  H5Tclose(type);
  H5Oclose(object);
}

void H5adFile::attribute(const std::string& path, const std::string& name, const std::vector<std::string>& values) {
  const hid_t object = checked(H5Oopen(file_, path.c_str(), H5P_DEFAULT), path), type = text_type(0);
  const hsize_t count = values.size();
  const hid_t space = H5Screate_simple(1, &count, nullptr);
  const hid_t made = checked(H5Acreate2(object, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT), name);
  if (count > 0) H5Awrite(made, type, pointers(values).data());
  H5Aclose(made);
  H5Sclose(space);
  H5Tclose(type);
  H5Oclose(object);
}

void H5adFile::attribute(const std::string& path, const std::string& name, const std::vector<int64_t>& values) {
  const hid_t object = checked(H5Oopen(file_, path.c_str(), H5P_DEFAULT), path);
  const hsize_t count = values.size();
  const hid_t space = H5Screate_simple(1, &count, nullptr);
  H5Adelete(object, name.c_str());
  const hid_t made = checked(H5Acreate2(object, name.c_str(), H5T_STD_I64LE, space, H5P_DEFAULT, H5P_DEFAULT), name);
  H5Awrite(made, H5T_NATIVE_INT64, values.data());
  H5Aclose(made);
  H5Sclose(space);
  H5Oclose(object);
}

void H5adFile::reference(const std::string& path, const std::string& name, const std::string& target) {
  const hid_t object = checked(H5Oopen(file_, path.c_str(), H5P_DEFAULT), path);
  const hid_t space = H5Screate(H5S_SCALAR);
  const hid_t made = checked(H5Acreate2(object, name.c_str(), H5T_STD_REF_OBJ, space, H5P_DEFAULT, H5P_DEFAULT), name);
  hobj_ref_t reference{};
  checked(H5Rcreate(&reference, file_, target.c_str(), H5R_OBJECT, -1), target);
  H5Awrite(made, H5T_STD_REF_OBJ, &reference);
  H5Aclose(made);
  H5Sclose(space);
  H5Oclose(object);
}

void H5adFile::remove(const std::string& path) { H5Ldelete(file_, path.c_str(), H5P_DEFAULT); }

void put_sparse(H5adFile& file, const std::string& path, const std::vector<double>& dense, int64_t rows,
                int64_t columns, const std::string& encoding, const std::string& type) {
  const bool by_rows = encoding.starts_with("csr");
  std::vector<double> data, indices, offsets = {0};
  for (int64_t slice = 0; slice < (by_rows ? rows : columns); ++slice) {
    for (int64_t other = 0; other < (by_rows ? columns : rows); ++other) {
      const double value = dense[static_cast<size_t>(by_rows ? slice * columns + other : other * columns + slice)];
      if (value == 0) continue;
      data.push_back(value);
      indices.push_back(static_cast<double>(other));
    }
    offsets.push_back(static_cast<double>(data.size()));
  }
  const auto count = static_cast<int64_t>(data.size());
  file.group(path, encoding);
  file.attribute(path, "shape", std::vector<int64_t>{rows, columns});
  file.numbers(path + "/data", data, {count}, type);
  file.numbers(path + "/indices", indices, {count}, "i4");
  file.numbers(path + "/indptr", offsets, {static_cast<int64_t>(offsets.size())}, "i4");
}

double cell_value(int64_t i, int64_t j) { return (4 * i + j) % 3 == 0 ? 0 : static_cast<double>(10 * i + j); }

void write_cells(const std::filesystem::path& path) {
  constexpr int64_t kCells = 6, kGenes = 4;
  H5adFile file(path);
  file.attribute("/", "encoding-type", "anndata");
  file.attribute("/", "encoding-version", "0.1.0");
  std::vector<double> x, counts, raw, distances, pca, score;
  for (int64_t i = 0; i < kCells; ++i) {
    for (int64_t j = 0; j < kGenes; ++j) {
      x.push_back(cell_value(i, j));
      counts.push_back(cell_value(i, j) + 0.1);
    }
    for (int64_t j = 0; j < 5; ++j) raw.push_back(static_cast<double>(100 * i + j));
    for (int64_t j = 0; j < kCells; ++j) distances.push_back(static_cast<double>(6 * i + j));
    pca.insert(pca.end(), {static_cast<double>(i), static_cast<double>(-i)});
    score.push_back(static_cast<double>(i) / 10);
  }
  put_sparse(file, "X", x, kCells, kGenes, "csr_matrix");
  file.group("layers", "dict");
  file.numbers("layers/counts", counts, {kCells, kGenes}, "f8", "gzip");
  put_sparse(file, "layers/turned", x, kCells, kGenes, "csc_matrix");
  file.group("obsm", "dict");
  file.numbers("obsm/X_pca", pca, {kCells, 2});
  file.group("obsp", "dict");
  put_sparse(file, "obsp/distances", distances, kCells, kCells, "csr_matrix");
  const std::vector<std::string> cells = {"c0", "c1", "c2", "c3", "c4", "c5"};
  file.group("obsm/frame", "dataframe", "0.2.0");
  file.attribute("obsm/frame", "_index", "_index");
  file.attribute("obsm/frame", "column-order", std::vector<std::string>{"b", "a"});
  file.texts("obsm/frame/_index", cells);
  file.numbers("obsm/frame/a", score, {kCells});
  file.numbers("obsm/frame/b", {5, 4, 3, 2, 1, 0}, {kCells}, "i2");
  file.group("obs", "dataframe", "0.2.0");
  file.attribute("obs", "_index", "cell");
  file.attribute("obs", "column-order", std::vector<std::string>{"condition", "donor", "score", "good", "note", "age"});
  file.texts("obs/cell", cells);
  file.group("obs/condition", "categorical", "0.2.0");
  file.numbers("obs/condition/codes", {0, 1, 0, 1, 0, -1}, {kCells}, "i1");
  file.texts("obs/condition/categories", {"ctrl", "stim"});
  file.numbers("obs/donor", {1, 2, 3, 1, 2, 3}, {kCells}, "i8");
  file.numbers("obs/score", score, {kCells});
  file.numbers("obs/good", {1, 1, 0, 0, 1, 1}, {kCells}, "bool");
  file.texts("obs/note", {"a,b", "a", "", "a", "b\"c", "a"});
  file.group("obs/age", "nullable-integer");
  file.numbers("obs/age/values", {30, 40, 30, 40, 30, 1}, {kCells}, "i8");
  file.numbers("obs/age/mask", {0, 0, 0, 0, 0, 1}, {kCells}, "bool");
  file.group("var", "dataframe", "0.2.0");
  file.attribute("var", "_index", "_index");
  file.attribute("var", "column-order", std::vector<std::string>{"mean"});
  file.texts("var/_index", {"g0", "g1", "g2", "g3"});
  file.numbers("var/mean", {1, 2, 3, 4}, {kGenes}, "f8");
  file.group("varm", "dict");
  file.numbers("varm/PCs", {1, 0, 0, 1, 1, 1, 0, 0.5}, {kGenes, 2}, "f8");
  file.group("uns", "dict");
  file.numbers("uns/seed", {7}, {1}, "i8");
  file.group("raw", "raw");
  file.numbers("raw/X", raw, {kCells, 5});
  file.group("raw/var", "dataframe", "0.2.0");
  file.attribute("raw/var", "_index", "_index");
  file.attribute("raw/var", "column-order", std::vector<std::string>{});
  file.texts("raw/var/_index", {"r0", "r1", "r2", "r3", "r4"});
}

}  // namespace monge::testing
