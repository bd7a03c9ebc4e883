#include "monge/io/anndata_subset.h"

#include <algorithm>
#include <cstring>

#include "monge/core/checked.h"
#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/io/anndata_frame.h"
#include "monge/io/anndata_matrix.h"

namespace monge::io {
namespace {

constexpr int64_t kCopyBlockBytes = int64_t{1} << 26;
constexpr int64_t kCopyBlockEntries = int64_t{1} << 22;
constexpr const char* kOldCategoryGroup = "__categories";

/// Some of the `count` cells along the first axis, or along both.
struct Subset {
  int64_t count;
  const std::vector<int64_t>& cells;
  bool both = false;
};

/// Whether the filters of a layout can also be applied.
bool can_be_written(hid_t plan) {
  for (int i = 0; i < H5Pget_nfilters(plan); ++i) {
    unsigned flags = 0, config = 0;
    size_t values = 0;
    const auto filter = H5Pget_filter2(plan, static_cast<unsigned>(i), &flags, &values, nullptr, 0, nullptr, &config);
    if (filter < 0 || H5Zget_filter_info(filter, &config) < 0 || !(config & H5Z_FILTER_CONFIG_ENCODE_ENABLED))
      return false;
  }
  return true;
}

/// The layout of a data set, for one with other extents.
Hdf5Id layout_for(const Hdf5Node& from, const std::vector<int64_t>& shape) {
  Hdf5Id plan(H5Dget_create_plist(from.id()));
  if (!plan) from.refuse("its layout cannot be read", true);
  const bool empty = std::count(shape.begin(), shape.end(), 0) > 0;
  const auto kind = H5Pget_layout(plan.get());
  if (kind != H5D_CHUNKED || empty) return Hdf5Id(H5Pcreate(H5P_DATASET_CREATE));
  std::vector<hsize_t> chunks(shape.size());
  if (H5Pget_chunk(plan.get(), static_cast<int>(chunks.size()), chunks.data()) < 0)
    from.refuse("its layout cannot be read", true);
  for (size_t i = 0; i < chunks.size(); ++i) chunks[i] = std::min(chunks[i], static_cast<hsize_t>(shape[i]));
  if (!can_be_written(plan.get())) {
    plan = Hdf5Id(H5Pcreate(H5P_DATASET_CREATE));
    H5Pset_shuffle(plan.get());
    H5Pset_deflate(plan.get(), 4);
  }
  H5Pset_chunk(plan.get(), static_cast<int>(chunks.size()), chunks.data());
  return plan;
}

/// A data set like another one, with other extents.
Hdf5Node create_like(const Hdf5Node& from, const Hdf5Node& to, const std::string& name,
                     const std::vector<int64_t>& shape) {
  const Hdf5Id type(H5Tcopy(from.type().get()));  // a copy belongs to no file
  if (H5Tdetect_class(type.get(), H5T_REFERENCE) > 0) from.refuse("holds references, whose rows cannot be chosen");
  auto made = to.create(name, type.get(), shape, layout_for(from, shape).get());
  copy_attributes(from, made);
  return made;
}

/// Reads entries as they are in the file. Texts of variable length lie outside; their memory is freed at the end.
class RawBlock {
 public:
  RawBlock(const Hdf5Node& from, int64_t begin, int64_t count) : type_(H5Tcopy(from.type().get())) {
    auto shape = from.shape();
    shape[0] = count;
    int64_t entries = 1;
    for (const int64_t extent : shape) entries = checked_multiply(entries, extent, from.where());
    size_ = static_cast<int64_t>(H5Tget_size(type_.get()));
    width_ = count == 0 ? 0 : entries / count * size_;
    const int64_t bytes = checked_multiply(entries, size_, from.where());
    require_memory(from.where(), bytes);
    bytes_.resize(static_cast<size_t>(bytes));
    from.read(begin, count, type_.get(), bytes_.data());
    const std::vector<hsize_t> extents(shape.begin(), shape.end());
    space_ = Hdf5Id(H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr));
  }
  RawBlock(const RawBlock&) = delete;
  RawBlock& operator=(const RawBlock&) = delete;
  ~RawBlock() {
    const bool outside = H5Tdetect_class(type_.get(), H5T_VLEN) > 0 || H5Tdetect_class(type_.get(), H5T_STRING) > 0;
    if (outside && !bytes_.empty()) H5Dvlen_reclaim(type_.get(), space_.get(), H5P_DEFAULT, bytes_.data());
  }

  hid_t type() const { return type_.get(); }
  int64_t size() const { return size_; }    ///< bytes of an entry
  int64_t width() const { return width_; }  ///< bytes of a row
  const char* row(int64_t i) const { return bytes_.data() + i * width_; }

 private:
  Hdf5Id type_, space_;
  std::vector<char> bytes_;
  int64_t size_ = 0, width_ = 0;
};

void copy_rows(const Hdf5Node& from, const Hdf5Node& to, const std::string& name, const Subset& subset) {
  auto shape = from.shape();
  const bool fits =
      !shape.empty() && shape[0] == subset.count && (!subset.both || (shape.size() == 2 && shape[1] == subset.count));
  if (!fits) from.refuse(text("its shape does not fit the ", subset.count, " cells"));
  from.require_filters();
  const auto& cells = subset.cells;
  int64_t entries = 1;
  for (size_t i = 1; i < shape.size(); ++i) entries = checked_multiply(entries, shape[i], from.where());
  const int64_t row_bytes =
      checked_multiply(entries, static_cast<int64_t>(H5Tget_size(from.type().get())), from.where());
  shape[0] = static_cast<int64_t>(cells.size());
  if (subset.both) shape[1] = shape[0];
  const auto made = create_like(from, to, name, shape);
  if (row_bytes == 0) return;
  const int64_t most = std::max<int64_t>(1, kCopyBlockBytes / row_bytes);
  int64_t done = 0;
  for (size_t first = 0; first < cells.size();) {
    auto end = first + 1;
    while (end < cells.size() && cells[end] - cells[first] < most) ++end;
    const RawBlock block(from, cells[first], cells[end - 1] - cells[first] + 1);
    std::vector<char> chosen;
    for (auto i = first; i < end; ++i) {
      const char* row = block.row(cells[i] - cells[first]);
      if (!subset.both) {
        chosen.insert(chosen.end(), row, row + block.width());
        continue;
      }
      for (const int64_t column : cells)
        chosen.insert(chosen.end(), row + column * block.size(), row + (column + 1) * block.size());
    }
    const auto count = static_cast<int64_t>(end - first);
    made.write(done, count, block.type(), chosen.data());
    done += count;
    first = end;
  }
}

/// The offsets of the chosen slices, and for each of the entries of a block whether it stays.
struct SparsePlan {
  std::vector<int64_t> slices;   ///< numbers of the chosen slices, ascending
  std::vector<int64_t> places;   ///< for each other index its new one, or -1; empty: all stay
  std::vector<int64_t> offsets;  ///< of the file
};

/// Calls use(begin, count, keeps) for blocks of entries, where `keeps` holds the new index of each, or -1.
template <class Use>
void for_each_block(const Hdf5Node& element, const SparsePlan& plan, const Use& use) {
  const auto indices = element.child("indices");
  size_t next = 0;
  for (const auto& [begin, end] : sparse_blocks(plan.offsets, kCopyBlockEntries)) {
    const auto first = next;
    while (next < plan.slices.size() && plan.slices[next] < end) ++next;
    if (first == next) continue;
    const int64_t from = plan.offsets[static_cast<size_t>(begin)],
                  count = plan.offsets[static_cast<size_t>(end)] - from;
    require_memory(element.where(), checked_multiply(count, 4 * sizeof(int64_t), element.where()));
    std::vector<int64_t> numbers(static_cast<size_t>(count)), keeps(static_cast<size_t>(count), -1);
    indices.read(from, count, H5T_NATIVE_INT64, numbers.data());
    std::vector<int64_t> lengths;
    for (auto s = first; s < next; ++s) {
      const auto slice = static_cast<size_t>(plan.slices[s]);
      int64_t length = 0;
      for (int64_t i = plan.offsets[slice] - from; i < plan.offsets[slice + 1] - from; ++i) {
        const int64_t index = numbers[static_cast<size_t>(i)];
        if (!plan.places.empty() && (index < 0 || index >= static_cast<int64_t>(plan.places.size())))
          indices.refuse(text("the index ", index, " is outside 0..", plan.places.size() - 1));
        const int64_t place = plan.places.empty() ? index : plan.places[static_cast<size_t>(index)];
        keeps[static_cast<size_t>(i)] = place;
        length += place >= 0;
      }
      lengths.push_back(length);
    }
    use(from, count, keeps, lengths);
  }
}

void copy_sparse(const Hdf5Node& from, const Hdf5Node& to, const std::string& name, const Subset& subset,
                 bool by_rows) {
  const auto [height, width] = matrix_shape(from);
  if (height != subset.count || (subset.both && width != subset.count))
    from.refuse(text("its shape does not fit the ", subset.count, " cells"));
  const auto data = from.child("data"), indices = from.child("indices"), indptr = from.child("indptr");
  for (const auto* part : {&data, &indices, &indptr}) part->require_filters();
  SparsePlan plan;
  plan.offsets = sparse_offsets(from, by_rows ? height : width);
  const auto& cells = subset.cells;
  const bool some_slices = by_rows || subset.both;
  if (some_slices) plan.slices = cells;
  for (int64_t i = 0; !some_slices && i < width; ++i) plan.slices.push_back(i);
  if (!by_rows || subset.both) {
    plan.places.assign(static_cast<size_t>(by_rows ? width : height), -1);
    for (size_t i = 0; i < cells.size(); ++i) plan.places[static_cast<size_t>(cells[i])] = static_cast<int64_t>(i);
  }
  std::vector<int64_t> offsets = {0};
  for_each_block(from, plan, [&](int64_t, int64_t, const std::vector<int64_t>&, const std::vector<int64_t>& lengths) {
    for (const int64_t length : lengths) offsets.push_back(offsets.back() + length);
  });
  // Blocks without a chosen slice are skipped only where no slice of theirs is chosen, so each slice has its offset.
  const auto made = to.create_group(name);
  copy_attributes(from, made);
  const std::vector<int64_t> shape = {static_cast<int64_t>(cells.size()),
                                      subset.both ? static_cast<int64_t>(cells.size()) : width};
  for (const char* attribute : {"shape", "h5sparse_shape"}) {
    if (!made.has_attribute(attribute)) continue;
    const Hdf5Id extents(H5Aopen(made.id(), attribute, H5P_DEFAULT));
    if (!extents || H5Awrite(extents.get(), H5T_NATIVE_INT64, shape.data()) < 0) made.refuse_write();
  }
  const auto new_data = create_like(data, made, "data", {offsets.back()});
  const auto new_indices = create_like(indices, made, "indices", {offsets.back()});
  const auto new_offsets = create_like(indptr, made, "indptr", {static_cast<int64_t>(offsets.size())});
  new_offsets.write(0, static_cast<int64_t>(offsets.size()), H5T_NATIVE_INT64, offsets.data());
  int64_t done = 0;
  for_each_block(from, plan,
                 [&](int64_t begin, int64_t count, const std::vector<int64_t>& keeps, const std::vector<int64_t>&) {
                   if (count == 0) return;
                   const RawBlock values(data, begin, count);
                   std::vector<char> chosen;
                   std::vector<int64_t> numbers;
                   for (int64_t i = 0; i < count; ++i) {
                     const int64_t place = keeps[static_cast<size_t>(i)];
                     if (place < 0) continue;
                     chosen.insert(chosen.end(), values.row(i), values.row(i) + values.width());
                     numbers.push_back(place);
                   }
                   const auto kept = static_cast<int64_t>(numbers.size());
                   new_data.write(done, kept, values.type(), chosen.data());
                   new_indices.write(done, kept, H5T_NATIVE_INT64, numbers.data());
                   done += kept;
                 });
}

void copy_subset(const Hdf5Node& from_group, const std::string& name, const Hdf5Node& to, const Subset& subset);

/// The members of a group of columns: data frames, categorical and nullable columns.
void copy_frame(const Hdf5Node& from, const Hdf5Node& to, const std::string& name, const Subset& subset) {
  const auto made = to.create_group(name);
  copy_attributes(from, made);
  const bool categorical = anndata_kind(from) == AnnDataKind::categorical;
  for (const auto& member : from.names()) {
    if (member == kOldCategoryGroup || (categorical && member == "categories")) {
      copy_element(from, member, made);
    } else {
      copy_subset(from, member, made, subset);
    }
  }
  for (const auto& column : from.names()) {
    if (!from.child(column).has_attribute("categories")) continue;  // of anndata before 0.8
    hobj_ref_t reference{};
    const auto path = std::string(kOldCategoryGroup) + '/' + column;
    if (!made.has(kOldCategoryGroup) || H5Rcreate(&reference, made.id(), path.c_str(), H5R_OBJECT, -1) < 0)
      from.child(column).refuse("its categories are not in " + path);
    const Hdf5Id space(H5Screate(H5S_SCALAR));
    const auto target = made.child(column);
    const Hdf5Id attribute(
        H5Acreate2(target.id(), "categories", H5T_STD_REF_OBJ, space.get(), H5P_DEFAULT, H5P_DEFAULT));
    if (!attribute || H5Awrite(attribute.get(), H5T_STD_REF_OBJ, &reference) < 0) target.refuse_write();
  }
}

void copy_subset(const Hdf5Node& from_group, const std::string& name, const Hdf5Node& to, const Subset& subset) {
  const auto from = from_group.child(name);
  switch (anndata_kind(from)) {
    case AnnDataKind::array:
      return copy_rows(from, to, name, subset);
    case AnnDataKind::csr:
      return copy_sparse(from, to, name, subset, true);
    case AnnDataKind::csc:
      return copy_sparse(from, to, name, subset, false);
    case AnnDataKind::frame:
    case AnnDataKind::categorical:
    case AnnDataKind::nullable:
      if (!subset.both) return copy_frame(from, to, name, subset);
      break;
    default:
      break;
  }
  throw InputError({.what = "its cells cannot be chosen: monge does not know its encoding",
                    .where = from.where(),
                    .value = '"' + from.text_attribute("encoding-type").value_or("none") + '"',
                    .fix = "translate the whole file, without ?where=, or remove this element first"});
}

/// A group of elements that are all aligned with the cells.
void copy_group(const Hdf5Node& from_group, const std::string& name, const Hdf5Node& to, const Subset& subset) {
  const auto from = from_group.child(name);
  const auto made = to.create_group(name);
  copy_attributes(from, made);
  for (const auto& member : from.names()) copy_subset(from, member, made, subset);
}

}  // namespace

void copy_element(const Hdf5Node& from, const std::string& name, const Hdf5Node& to) {
  const Hdf5Lock lock;
  const Hdf5Id plan(H5Pcreate(H5P_OBJECT_COPY));
  H5Pset_copy_object(plan.get(), H5O_COPY_EXPAND_REFERENCE_FLAG);
  if (H5Ocopy(from.id(), name.c_str(), to.id(), name.c_str(), plan.get(), H5P_DEFAULT) < 0)
    from.refuse("its member " + shown(name) + " cannot be copied", true);
}

void copy_attributes(const Hdf5Node& from, const Hdf5Node& to) {
  const Hdf5Lock lock;
  struct Copy {
    const Hdf5Node& from;
    const Hdf5Node& to;
  } copy{from, to};
  const auto one = [](hid_t, const char* name, const H5A_info_t*, void* data) {
    const auto& [source, target] = *static_cast<const Copy*>(data);
    const Hdf5Id attribute(H5Aopen(source.id(), name, H5P_DEFAULT));
    const Hdf5Id space(H5Aget_space(attribute.get())), own(H5Aget_type(attribute.get()));
    const Hdf5Id type(H5Tcopy(own.get()));
    if (!type || !space) return herr_t{-1};
    if (H5Tdetect_class(type.get(), H5T_REFERENCE) > 0) return herr_t{0};
    const auto kind = H5Sget_simple_extent_type(space.get());
    const int64_t count = kind == H5S_NULL ? 0 : H5Sget_simple_extent_npoints(space.get());
    constexpr int64_t kMost = int64_t{1} << 26;
    const auto size = static_cast<int64_t>(H5Tget_size(type.get()));
    if (count < 0 || count > kMost / std::max<int64_t>(1, size)) return herr_t{-1};
    const Hdf5Id made(H5Acreate2(target.id(), name, type.get(), space.get(), H5P_DEFAULT, H5P_DEFAULT));
    if (!made) return herr_t{-1};
    if (count == 0) return herr_t{0};
    std::vector<char> bytes(static_cast<size_t>(count * size));
    if (H5Aread(attribute.get(), type.get(), bytes.data()) < 0) return herr_t{-1};
    const auto written = H5Awrite(made.get(), type.get(), bytes.data());
    if (H5Tis_variable_str(type.get()) > 0 || H5Tdetect_class(type.get(), H5T_VLEN) > 0)
      H5Dvlen_reclaim(type.get(), space.get(), H5P_DEFAULT, bytes.data());
    return written < 0 ? herr_t{-1} : herr_t{0};
  };
  hsize_t at = 0;
  if (H5Aiterate2(from.id(), H5_INDEX_NAME, H5_ITER_INC, &at, one, &copy) < 0)
    from.refuse("its attributes cannot be copied", true);
}

void copy_cells(const Hdf5Node& from, int64_t count, const std::vector<int64_t>& cells, const Hdf5Node& to) {
  const Hdf5Lock lock;
  copy_attributes(from, to);
  const Subset rows{count, cells}, both{count, cells, true};
  for (const auto& name : from.names()) {
    if (name == "X" || name == "obs") {
      copy_subset(from, name, to, rows);
    } else if (name == "layers" || name == "obsm") {
      copy_group(from, name, to, rows);
    } else if (name == "obsp") {
      copy_group(from, name, to, both);
    } else if (name == "raw" && from.child(name).is_group()) {
      const auto raw = from.child(name), made = to.create_group(name);
      copy_attributes(raw, made);
      for (const auto& member : raw.names()) {
        if (member == "X") {
          copy_subset(raw, member, made, rows);
        } else {
          copy_element(raw, member, made);
        }
      }
    } else {
      copy_element(from, name, to);
    }
  }
}

}  // namespace monge::io
