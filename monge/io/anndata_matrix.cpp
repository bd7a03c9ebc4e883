#include "monge/io/anndata_matrix.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "monge/core/checked.h"
#include "monge/core/error.h"
#include "monge/io/anndata_frame.h"

namespace monge::io {
namespace {

/// Bytes of a dense matrix, and entries of a sparse one, that are read at once.
constexpr int64_t kBlockBytes = int64_t{1} << 26;
constexpr int64_t kBlockEntries = int64_t{1} << 22;

/// The type of a tensor for the numbers of a data set.
torch::ScalarType tensor_type(const Hdf5Node& node) {
  const Hdf5Lock lock;
  const auto type = node.type();
  const auto size = H5Tget_size(type.get());
  switch (H5Tget_class(type.get())) {
    case H5T_FLOAT:
      return size <= sizeof(float) ? torch::kFloat32 : torch::kFloat64;
    case H5T_ENUM:  // of h5py: FALSE, TRUE
      if (size == 1) return torch::kFloat32;
      break;
    case H5T_INTEGER:
      if (size <= 2) return torch::kFloat32;
      if (size == 4) return H5Tget_sign(type.get()) == H5T_SGN_NONE ? torch::kInt64 : torch::kInt32;
      if (size == 8) return H5Tget_sign(type.get()) == H5T_SGN_NONE ? torch::kUInt64 : torch::kInt64;
      break;
    default:
      break;
  }
  node.refuse("holds no numbers");
}

/// Calls use(tag) with a value of the C++ type, and the type as HDF5 reads it into memory.
template <class Use>
void with_type(torch::ScalarType type, const Use& use) {
  switch (type) {
    case torch::kFloat32:
      return use(float{}, H5T_NATIVE_FLOAT);
    case torch::kFloat64:
      return use(double{}, H5T_NATIVE_DOUBLE);
    case torch::kInt32:
      return use(int32_t{}, H5T_NATIVE_INT32);
    case torch::kInt64:
      return use(int64_t{}, H5T_NATIVE_INT64);
    default:
      return use(uint64_t{}, H5T_NATIVE_UINT64);
  }
}

/// Reads numbers; truth values, which HDF5 does not convert, byte by byte.
template <class Number>
void read_block(const Hdf5Node& node, int64_t begin, int64_t count, int64_t width, hid_t memory, Number* to) {
  const Hdf5Lock lock;
  const auto type = node.type();
  if (H5Tget_class(type.get()) != H5T_ENUM) return node.read(begin, count, memory, to);
  std::vector<int8_t> bytes(static_cast<size_t>(count * width));
  node.read(begin, count, type.get(), bytes.data());
  std::transform(bytes.begin(), bytes.end(), to, [](int8_t value) { return static_cast<Number>(value != 0); });
}

bool is_all(const std::vector<int64_t>& chosen, int64_t count) {
  if (static_cast<int64_t>(chosen.size()) != count) return false;
  for (int64_t i = 0; i < count; ++i) {
    if (chosen[static_cast<size_t>(i)] != i) return false;
  }
  return true;
}

/// For each of `count` numbers its place in `chosen`, or -1.
std::vector<int64_t> places(const std::vector<int64_t>& chosen, int64_t count) {
  std::vector<int64_t> out(static_cast<size_t>(count), -1);
  for (size_t i = 0; i < chosen.size(); ++i) out[static_cast<size_t>(chosen[i])] = static_cast<int64_t>(i);
  return out;
}

template <class Number>
void read_dense(const Hdf5Node& node, const std::vector<int64_t>& rows, const std::vector<int64_t>& columns,
                int64_t width, hid_t memory, Number* to) {
  node.require_filters();
  const bool whole_rows = is_all(columns, width);
  const int64_t most = std::max<int64_t>(1, kBlockBytes / (width * static_cast<int64_t>(sizeof(Number))));
  std::vector<Number> block;
  for (size_t first = 0; first < rows.size();) {
    // All chosen rows within `most` rows of the first.
    auto end = first + 1;
    while (end < rows.size() && rows[end] - rows[first] < most) ++end;
    const int64_t begin = rows[first], count = rows[end - 1] - begin + 1;
    if (whole_rows && count == static_cast<int64_t>(end - first)) {
      read_block(node, begin, count, width, memory, to);
      to += count * width;
    } else {
      block.resize(static_cast<size_t>(count * width));
      read_block(node, begin, count, width, memory, block.data());
      for (auto row = first; row < end; ++row) {
        const auto* from = block.data() + (rows[row] - begin) * width;
        for (const int64_t column : columns) *to++ = from[column];
      }
    }
    first = end;
  }
}

/// Calls add(slice, index, value) for every entry of the slices that `wanted` does not mark with -1.
template <class Number, class Add>
void for_each_entry(const Hdf5Node& element, const std::vector<int64_t>& offsets, int64_t indices_below, hid_t memory,
                    const std::vector<int64_t>& wanted, const Add& add) {
  const auto data = element.child("data"), indices = element.child("indices");
  data.require_filters();
  indices.require_filters();
  std::vector<Number> values;
  std::vector<int64_t> numbers;
  for (const auto& [begin, end] : sparse_blocks(offsets, kBlockEntries)) {
    if (std::all_of(wanted.begin() + begin, wanted.begin() + end, [](int64_t place) { return place < 0; })) continue;
    const int64_t from = offsets[static_cast<size_t>(begin)], count = offsets[static_cast<size_t>(end)] - from;
    require_memory(element.where(), checked_multiply(count, sizeof(Number) + sizeof(int64_t), element.where()));
    values.resize(static_cast<size_t>(count));
    numbers.resize(static_cast<size_t>(count));
    read_block(data, from, count, 1, memory, values.data());
    indices.read(from, count, H5T_NATIVE_INT64, numbers.data());
    for (int64_t slice = begin; slice < end; ++slice) {
      if (wanted[static_cast<size_t>(slice)] < 0) continue;
      for (int64_t i = offsets[static_cast<size_t>(slice)]; i < offsets[static_cast<size_t>(slice) + 1]; ++i) {
        const int64_t index = numbers[static_cast<size_t>(i - from)];
        if (index < 0 || index >= indices_below)
          indices.refuse(text("the index ", index, " is outside 0..", indices_below - 1));
        add(slice, index, values[static_cast<size_t>(i - from)]);
      }
    }
  }
}

template <class Number>
void read_frame(const Hdf5Node& frame, int64_t count, const std::vector<int64_t>& rows,
                const std::vector<int64_t>& columns, Number* to) {
  const auto names = frame_columns(frame);
  for (size_t c = 0; c < columns.size(); ++c) {
    const auto values = frame_numbers(frame, names[static_cast<size_t>(columns[c])], count);
    for (size_t r = 0; r < rows.size(); ++r)
      to[r * columns.size() + c] = static_cast<Number>(values[static_cast<size_t>(rows[r])]);
  }
}

int64_t frame_rows(const Hdf5Node& frame) {
  const auto index = frame.child(frame_index_name(frame));
  switch (anndata_kind(index)) {
    case AnnDataKind::categorical:
      return index.child("codes").shape().at(0);
    case AnnDataKind::nullable:
      return index.child("values").shape().at(0);
    default: {
      const auto shape = index.shape();
      if (shape.size() != 1) index.refuse("is no index");
      return shape[0];
    }
  }
}

/// Whether each column of a data frame holds float32 or less.
bool is_single(const Hdf5Node& frame) {
  for (const auto& name : frame_columns(frame)) {
    const auto column = frame.child(name);
    const bool nullable = anndata_kind(column) == AnnDataKind::nullable;
    if (column.is_group() && !nullable) return false;
    if ((nullable ? tensor_type(column.child("values")) : tensor_type(column)) != torch::kFloat32) return false;
  }
  return true;
}

}  // namespace

std::pair<int64_t, int64_t> matrix_shape(const Hdf5Node& element) {
  switch (anndata_kind(element)) {
    case AnnDataKind::array: {
      const auto shape = element.shape();
      if (shape.size() != 2)
        element.refuse(text("has ", shape.size(), " axes, and a table [cells, columns] is needed"));
      return {shape[0], shape[1]};
    }
    case AnnDataKind::csr:
    case AnnDataKind::csc: {
      auto shape = element.numbers_attribute("shape");
      if (shape.empty()) shape = element.numbers_attribute("h5sparse_shape");
      if (shape.size() != 2 || shape[0] < 0 || shape[1] < 0) element.refuse("a sparse matrix states no shape");
      return {shape[0], shape[1]};
    }
    case AnnDataKind::frame:
      return {frame_rows(element), static_cast<int64_t>(frame_columns(element).size())};
    default:
      element.refuse("is no matrix: its encoding is \"" + element.text_attribute("encoding-type").value_or("none") +
                     '"');
  }
}

std::vector<int64_t> sparse_offsets(const Hdf5Node& element, int64_t slices) {
  const auto list = element.child("indptr");
  const auto entries = element.child("data").shape(), indices = element.child("indices").shape();
  if (entries.size() != 1 || indices != entries) element.refuse("its data and indices differ in length");
  const auto shape = list.shape();
  if (shape.size() != 1 || slices == std::numeric_limits<int64_t>::max() || shape[0] != slices + 1)
    list.refuse(text("does not have ", slices, " + 1 offsets"));
  auto out = list.read_numbers();
  if (out.front() != 0 || !std::is_sorted(out.begin(), out.end()) || out.back() > entries[0])
    list.refuse(text("its offsets are no ascending places in ", entries[0], " entries"));
  return out;
}

std::vector<std::pair<int64_t, int64_t>> sparse_blocks(const std::vector<int64_t>& offsets, int64_t entries) {
  std::vector<std::pair<int64_t, int64_t>> out;
  const auto slices = static_cast<int64_t>(offsets.size()) - 1;
  for (int64_t begin = 0; begin < slices;) {
    int64_t end = begin + 1;
    while (end < slices && offsets[static_cast<size_t>(end) + 1] - offsets[static_cast<size_t>(begin)] <= entries)
      ++end;
    out.emplace_back(begin, end);
    begin = end;
  }
  return out;
}

torch::ScalarType matrix_type(const Hdf5Node& element) {
  switch (anndata_kind(element)) {
    case AnnDataKind::frame:
      return is_single(element) ? torch::kFloat32 : torch::kFloat64;
    case AnnDataKind::csr:
    case AnnDataKind::csc:
      return tensor_type(element.child("data"));
    default:
      return tensor_type(element);
  }
}

void read_matrix(const Hdf5Node& element, const std::vector<int64_t>& rows, const std::vector<int64_t>& columns,
                 torch::ScalarType type, void* memory_of_result) {
  const Hdf5Lock lock;
  const auto [height, width] = matrix_shape(element);
  const auto kind = anndata_kind(element);
  const auto chosen = static_cast<int64_t>(columns.size());
  if (rows.empty() || columns.empty()) return;
  with_type(type, [&, height = height, width = width](auto tag, hid_t memory) {
    using Number = decltype(tag);
    auto* to = static_cast<Number*>(memory_of_result);
    if (kind == AnnDataKind::frame) return read_frame(element, height, rows, columns, to);
    if (kind != AnnDataKind::csr && kind != AnnDataKind::csc)
      return read_dense<Number>(element, rows, columns, width, memory, to);
    const bool by_rows = kind == AnnDataKind::csr;
    const auto offsets = sparse_offsets(element, by_rows ? height : width);
    require_memory(element.where(), checked_multiply(height, 2 * sizeof(int64_t), element.where()));
    const auto row_place = places(rows, height), column_place = places(columns, width);
    const auto &slices = by_rows ? row_place : column_place, &others = by_rows ? column_place : row_place;
    for_each_entry<Number>(element, offsets, by_rows ? width : height, memory, slices,
                           [&](int64_t slice, int64_t index, Number value) {
                             const int64_t other = others[static_cast<size_t>(index)];
                             if (other < 0) return;
                             const int64_t own = slices[static_cast<size_t>(slice)];
                             to[by_rows ? own * chosen + other : other * chosen + own] += value;
                           });
  });
}

void add_column_sums(const Hdf5Node& element, double* sums) {
  const Hdf5Lock lock;
  const auto [height, width] = matrix_shape(element);
  const auto kind = anndata_kind(element);
  if (kind == AnnDataKind::csr || kind == AnnDataKind::csc) {
    const bool by_rows = kind == AnnDataKind::csr;
    const int64_t slices = by_rows ? height : width;
    for_each_entry<double>(element, sparse_offsets(element, slices), by_rows ? width : height, H5T_NATIVE_DOUBLE,
                           std::vector<int64_t>(static_cast<size_t>(slices), 0),
                           [&](int64_t slice, int64_t index, double value) { sums[by_rows ? index : slice] += value; });
    return;
  }
  std::vector<int64_t> columns(static_cast<size_t>(width)), rows;
  std::iota(columns.begin(), columns.end(), int64_t{0});
  std::vector<double> block;
  const int64_t most = std::max<int64_t>(1, kBlockBytes / 8 / std::max<int64_t>(1, width));
  for (int64_t begin = 0; begin < height; begin += most) {
    rows.resize(static_cast<size_t>(std::min(most, height - begin)));
    std::iota(rows.begin(), rows.end(), begin);
    block.resize(rows.size() * columns.size());
    read_matrix(element, rows, columns, torch::kFloat64, block.data());
    for (size_t i = 0; i < block.size(); ++i) sums[i % columns.size()] += block[i];
  }
}

}  // namespace monge::io
