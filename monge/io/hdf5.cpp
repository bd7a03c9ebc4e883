#include "monge/io/hdf5.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <utility>

#include "monge/core/checked.h"
#include "monge/core/error.h"
#include "monge/core/file_changes.h"
#include "monge/core/names.h"
#include "monge/io/crash_guard.h"
#include "monge/io/lzf.h"

namespace monge::io {
namespace {

namespace fs = std::filesystem;

std::recursive_mutex& library_mutex() {
  static std::recursive_mutex mutex;
  return mutex;
}

void initialise_library() {
  static const bool done = [] {
    // A file that could not be written, on a full disk, cannot be closed either. At the end of the process HDF5 would
    // try again, and crash. All other files are closed where they are used.
    H5dont_atexit();
    H5open();
    register_lzf();
    return true;
  }();
  static_cast<void>(done);
}

/// What the system can give without swapping; all memory where it does not say.
int64_t available_memory() {
  std::ifstream lines("/proc/meminfo");
  for (std::string word; lines >> word;) {
    int64_t kib = 0;
    if (word == "MemAvailable:" && lines >> kib) return kib << 10;
  }
  const int64_t pages = ::sysconf(_SC_PHYS_PAGES), size = ::sysconf(_SC_PAGESIZE);
  return pages > 0 && size > 0 ? pages * size : int64_t{1} << 40;
}

Hdf5Id text_type_of_length(size_t length) {
  Hdf5Id type(H5Tcopy(H5T_C_S1));
  H5Tset_size(type.get(), length);
  H5Tset_cset(type.get(), H5T_CSET_UTF8);
  return type;
}

}  // namespace

Hdf5Lock::Hdf5Lock() {
  // A child of a trial has one thread; the thread of its parent that owns the lock is another one.
  if (!is_trial_child()) lock_ = std::unique_lock(library_mutex());
  initialise_library();
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

Hdf5Id& Hdf5Id::operator=(Hdf5Id&& other) noexcept {
  close();
  id_ = std::exchange(other.id_, -1);
  return *this;
}

void Hdf5Id::close() {
  if (id_ < 0) return;
  const Hdf5Lock lock;
  H5Idec_ref(std::exchange(id_, -1));
}

std::string hdf5_reason() {
  std::string out;
  H5Ewalk2(
      H5E_DEFAULT, H5E_WALK_UPWARD,
      [](unsigned, const H5E_error2_t* entry, void* to) {
        auto& text = *static_cast<std::string*>(to);
        if (text.empty() && entry->desc) text = entry->desc;
        return herr_t{0};
      },
      &out);
  return printable(out);
}

void require_memory(const std::string& what, int64_t bytes) {
  const int64_t most = available_memory();
  if (bytes >= 0 && bytes <= most) return;
  throw InputError({.what = "is too large for the memory of this machine",
                    .where = what,
                    .value = bytes < 0 ? "more than 2^63 bytes" : text(bytes >> 20, " MiB"),
                    .allowed = text("up to ", most >> 20, " MiB"),
                    .fix = "choose cells with ?where=, genes with ?columns=, or an embedding with ?obsm=X_pca"});
}

Hdf5Node::Hdf5Node(std::string file, std::string path, Hdf5Id id)
    : file_(std::move(file)), path_(std::move(path)), id_(std::move(id)) {
  const auto kind = H5Iget_type(id_.get());
  is_group_ = kind == H5I_GROUP || kind == H5I_FILE;
}

Hdf5Node Hdf5Node::open_file(const fs::path& path, bool write) {
  const Hdf5Lock lock;
  std::error_code ignored;
  const auto name = path.string();
  require(fs::exists(path, ignored), name, ": no such file");
  require(fs::is_regular_file(path, ignored), name, ": is not a regular file");
  require(::access(path.c_str(), R_OK) == 0, name, ": cannot be read: ", std::strerror(errno));
  const auto is_hdf5 = H5Fis_hdf5(path.c_str());
  if (is_hdf5 == 0) {
    throw InputError({.what = "is no HDF5 file, so no .h5ad file of AnnData",
                      .where = name,
                      .fix = "write it by anndata: adata.write_h5ad(\"FILE.h5ad\")"});
  }
  Hdf5Id file(H5Fopen(path.c_str(), write ? H5F_ACC_RDWR : H5F_ACC_RDONLY, H5P_DEFAULT));
  if (!file) {
    const auto reason = hdf5_reason();
    throw InputError(
        {.what = "the HDF5 file cannot be opened: " + (reason.empty() ? "it is damaged" : reason), .where = name});
  }
  return {name, "", std::move(file)};
}

Hdf5Node Hdf5Node::create_file(const fs::path& path) {
  const Hdf5Lock lock;
  Hdf5Id file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
  if (!file) throw SystemError(text(path.string(), ": cannot be created: ", hdf5_reason()));
  return {path.string(), "", std::move(file)};
}

void Hdf5Node::refuse(const std::string& what, bool reason) const {
  const auto why = reason ? hdf5_reason() : std::string();
  throw InputError({.what = why.empty() ? what : what + ": " + why, .where = where()});
}

void Hdf5Node::refuse_write() const {
  const auto reason = hdf5_reason();
  constexpr std::string_view kNumber = "errno = ";  // the system's reason, within a long sentence of HDF5
  if (const auto at = reason.find(kNumber); at != std::string::npos)
    throw_system_error("cannot be written", where(), std::atoi(reason.c_str() + at + kNumber.size()));
  throw SystemError(text(where(), ": cannot be written: ", reason.empty() ? "HDF5 gives no reason" : reason));
}

void Hdf5Node::flush() const {
  const Hdf5Lock lock;
  if (H5Fflush(id(), H5F_SCOPE_LOCAL) < 0) refuse_write();
}

std::vector<std::string> Hdf5Node::names() const {
  const Hdf5Lock lock;
  std::vector<std::string> out;
  const auto add = [](hid_t, const char* name, const H5L_info_t*, void* to) {
    static_cast<std::vector<std::string>*>(to)->emplace_back(name);
    return herr_t{0};
  };
  if (!is_group_ || H5Literate(id(), H5_INDEX_NAME, H5_ITER_INC, nullptr, add, &out) < 0)
    refuse("its members cannot be listed", true);
  return out;
}

bool Hdf5Node::has(const std::string& name) const {
  const Hdf5Lock lock;
  return is_group_ && !name.empty() && H5Lexists(id(), name.c_str(), H5P_DEFAULT) > 0 &&
         H5Oexists_by_name(id(), name.c_str(), H5P_DEFAULT) > 0;
}

Hdf5Node Hdf5Node::child(const std::string& name) const {
  const Hdf5Lock lock;
  if (!is_group_) refuse(text("holds no ", shown(name), ": it is a data set"));
  Hdf5Id found(H5Oopen(id(), name.c_str(), H5P_DEFAULT));
  if (!found) refuse("its member " + shown(name) + " cannot be opened", true);
  return {file_, path_.empty() ? printable(name) : path_ + '/' + printable(name), std::move(found)};
}

Hdf5Node Hdf5Node::at(const hobj_ref_t& reference) const {
  const Hdf5Lock lock;
  Hdf5Id found(H5Rdereference2(id(), H5P_DEFAULT, H5R_OBJECT, &reference));
  if (!found) refuse("a reference leads nowhere", true);
  return {file_, path_ + " (by reference)", std::move(found)};
}

Hdf5Node Hdf5Node::create_group(const std::string& name) const {
  const Hdf5Lock lock;
  Hdf5Id made(H5Gcreate2(id(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  if (!made) refuse_write();
  return {file_, path_.empty() ? name : path_ + '/' + name, std::move(made)};
}

std::vector<int64_t> Hdf5Node::shape() const {
  const Hdf5Lock lock;
  if (is_group_) refuse("is a group, and a data set is needed");
  const Hdf5Id space(H5Dget_space(id()));
  if (!space) refuse("its shape cannot be read", true);
  const int rank = H5Sget_simple_extent_ndims(space.get());
  if (rank < 0) refuse("its shape cannot be read", true);
  std::vector<hsize_t> extents(static_cast<size_t>(rank));
  H5Sget_simple_extent_dims(space.get(), extents.data(), nullptr);
  std::vector<int64_t> out;
  for (const auto extent : extents) {
    if (extent > static_cast<hsize_t>(INT64_MAX)) refuse(text("an extent of ", extent, " is too large"));
    out.push_back(static_cast<int64_t>(extent));
  }
  return out;
}

Hdf5Id Hdf5Node::type() const {
  const Hdf5Lock lock;
  if (is_group_) refuse("is a group, and a data set is needed");
  Hdf5Id out(H5Dget_type(id()));
  if (!out) refuse("its type cannot be read", true);
  return out;
}

void Hdf5Node::require_filters() const {
  const Hdf5Lock lock;
  const Hdf5Id plan(H5Dget_create_plist(id()));
  if (!plan) refuse("its layout cannot be read", true);
  for (int i = 0; i < std::max(0, H5Pget_nfilters(plan.get())); ++i) {
    unsigned flags = 0, config = 0;
    size_t values = 0;
    char name[128] = {};
    const auto filter =
        H5Pget_filter2(plan.get(), static_cast<unsigned>(i), &flags, &values, nullptr, sizeof name - 1, name, &config);
    if (filter >= 0 && H5Zfilter_avail(filter) > 0) continue;
    throw InputError({.what = "is compressed by a filter that is not here",
                      .where = where(),
                      .value = text("filter ", static_cast<int>(filter), name[0] ? " (" + printable(name) + ')' : ""),
                      .allowed = "gzip, lzf, shuffle, none, and plugins of HDF5_PLUGIN_PATH",
                      .fix = "write the file again: adata.write_h5ad(\"FILE.h5ad\", compression=\"gzip\")"});
  }
}

void Hdf5Node::transfer(bool write, int64_t begin, int64_t count, hid_t memory_type, void* data) const {
  const Hdf5Lock lock;
  const auto extents = shape();
  const Hdf5Id space(H5Dget_space(id()));
  const auto fail = [&] {
    if (write) refuse_write();
    refuse("cannot be read, so the file is damaged or incomplete", true);
  };
  if (!space) fail();
  Hdf5Id memory(H5Screate(H5S_SCALAR));
  if (!extents.empty()) {
    if (count == 0) return;
    std::vector<hsize_t> start(extents.size(), 0), length(extents.begin(), extents.end());
    start[0] = static_cast<hsize_t>(begin);
    length[0] = static_cast<hsize_t>(count);
    if (std::count(length.begin(), length.end(), hsize_t{0}) > 0) return;
    memory = Hdf5Id(H5Screate_simple(static_cast<int>(length.size()), length.data(), nullptr));
    if (H5Sselect_hyperslab(space.get(), H5S_SELECT_SET, start.data(), nullptr, length.data(), nullptr) < 0) fail();
  }
  const auto failed = write ? H5Dwrite(id(), memory_type, memory.get(), space.get(), H5P_DEFAULT, data)
                            : H5Dread(id(), memory_type, memory.get(), space.get(), H5P_DEFAULT, data);
  if (failed < 0) fail();
}

void Hdf5Node::read(int64_t begin, int64_t count, hid_t memory_type, void* to) const {
  transfer(false, begin, count, memory_type, to);
}

void Hdf5Node::write(int64_t begin, int64_t count, hid_t memory_type, const void* from) const {
  transfer(true, begin, count, memory_type, const_cast<void*>(from));
}

std::vector<int64_t> Hdf5Node::read_numbers() const {
  const Hdf5Lock lock;
  const auto extents = shape();
  const auto type = this->type();
  if (extents.size() != 1 || H5Tget_class(type.get()) != H5T_INTEGER) refuse("is no list of whole numbers");
  require_filters();
  require_memory(where(), checked_multiply(extents[0], sizeof(int64_t), where()));
  std::vector<int64_t> out(static_cast<size_t>(extents[0]));
  read(0, extents[0], H5T_NATIVE_INT64, out.data());
  return out;
}

std::vector<std::string> Hdf5Node::read_texts() const {
  const Hdf5Lock lock;
  const auto extents = shape();
  const auto type = this->type();
  if (extents.size() > 1 || H5Tget_class(type.get()) != H5T_STRING) refuse("is no list of texts");
  require_filters();
  const int64_t count = extents.empty() ? 1 : extents[0];
  const auto size = static_cast<int64_t>(H5Tget_size(type.get()));
  require_memory(where(), checked_multiply(count, size + static_cast<int64_t>(sizeof(std::string)), where()));
  std::vector<std::string> out;
  out.reserve(static_cast<size_t>(count));
  const int64_t block =
      std::clamp<int64_t>((int64_t{1} << 24) / std::max<int64_t>(1, size), 1, std::max<int64_t>(1, count));
  for (int64_t begin = 0; begin < count; begin += block) {
    const int64_t length = std::min(block, count - begin);
    std::vector<char> buffer(static_cast<size_t>(length * size));
    read(begin, length, type.get(), buffer.data());
    auto texts = hdf5_texts(type.get(), buffer, length);
    std::move(texts.begin(), texts.end(), std::back_inserter(out));
    if (H5Tis_variable_str(type.get()) <= 0) continue;
    const auto extent = static_cast<hsize_t>(length);
    const Hdf5Id space(H5Screate_simple(1, &extent, nullptr));
    H5Dvlen_reclaim(type.get(), space.get(), H5P_DEFAULT, buffer.data());
  }
  return out;
}

Hdf5Node Hdf5Node::create(const std::string& name, hid_t type, const std::vector<int64_t>& shape, hid_t plan) const {
  const Hdf5Lock lock;
  const std::vector<hsize_t> extents(shape.begin(), shape.end());
  const Hdf5Id space(extents.empty() ? H5Screate(H5S_SCALAR)
                                     : H5Screate_simple(static_cast<int>(extents.size()), extents.data(), nullptr));
  const Hdf5Id own(plan == H5P_DEFAULT ? H5Pcreate(H5P_DATASET_CREATE) : H5Pcopy(plan));
  H5Pset_obj_track_times(own.get(), false);  // so that the same outputs are the same bytes
  Hdf5Id made(H5Dcreate2(id(), name.c_str(), type, space.get(), H5P_DEFAULT, own.get(), H5P_DEFAULT));
  if (!made) refuse_write();
  return {file_, path_.empty() ? name : path_ + '/' + name, std::move(made)};
}

Hdf5Node Hdf5Node::create_texts(const std::string& name, const std::vector<std::string>& values) const {
  const Hdf5Lock lock;
  const auto type = hdf5_text_type();
  const auto count = static_cast<int64_t>(values.size());
  auto made = create(name, type.get(), {count});
  std::vector<const char*> texts;
  for (const auto& value : values) texts.push_back(value.c_str());
  made.write(0, count, type.get(), texts.data());
  made.set_text_attribute("encoding-type", "string-array");
  made.set_text_attribute("encoding-version", "0.2.0");
  return made;
}

std::vector<std::string> hdf5_texts(hid_t type, const std::vector<char>& bytes, int64_t count) {
  std::vector<std::string> out;
  out.reserve(static_cast<size_t>(count));
  const size_t size = H5Tget_size(type);
  const bool variable = H5Tis_variable_str(type) > 0;
  for (int64_t i = 0; i < count; ++i) {
    const char* at = bytes.data() + static_cast<size_t>(i) * size;
    if (variable) {
      const char* text = nullptr;
      std::memcpy(&text, at, sizeof text);
      out.emplace_back(text ? text : "");
    } else {
      out.emplace_back(at, ::strnlen(at, size));
      if (H5Tget_strpad(type) == H5T_STR_SPACEPAD) out.back().erase(out.back().find_last_not_of(' ') + 1);
    }
  }
  return out;
}

Hdf5Id hdf5_text_type() { return text_type_of_length(H5T_VARIABLE); }

}  // namespace monge::io
