// HDF5 files by handles that close themselves. Internal to the files of io that read and write AnnData.
#pragma once

#include <hdf5.h>

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace monge::io {

/// The process-wide lock of HDF5, whose library has global state, and its errors silenced for this thread. Recursive:
/// each function that calls HDF5 takes it for itself.
class Hdf5Lock {
 public:
  Hdf5Lock();

 private:
  std::unique_lock<std::recursive_mutex> lock_;
};

/// Owns an identifier of HDF5 of any kind: file, object, type, space, property list.
class Hdf5Id {
 public:
  Hdf5Id() = default;
  explicit Hdf5Id(hid_t id) : id_(id) {}
  Hdf5Id(Hdf5Id&& other) noexcept : id_(std::exchange(other.id_, -1)) {}
  Hdf5Id& operator=(Hdf5Id&& other) noexcept;
  ~Hdf5Id() { close(); }

  hid_t get() const { return id_; }
  explicit operator bool() const { return id_ >= 0; }
  void close();

 private:
  hid_t id_ = -1;
};

/// The reason of the last failed call in this thread, as HDF5 states it.
std::string hdf5_reason();

/// Throws an InputError if `bytes` are more than this machine can give.
/// @param what  whose bytes they are: "cells.h5ad: X".
void require_memory(const std::string& what, int64_t bytes);

/// A group or a data set in an open file, with the name that messages use.
class Hdf5Node {
 public:
  /// Opens a file and gives its root.
  /// @param write  whether it will be changed.
  /// @throws InputError naming the file: missing, a folder, no HDF5, truncated.
  static Hdf5Node open_file(const std::filesystem::path& path, bool write = false);

  /// Creates a file, or makes an existing one empty. @throws SystemError.
  static Hdf5Node create_file(const std::filesystem::path& path);

  hid_t id() const { return id_.get(); }
  /// "cells.h5ad: obs/day", for messages.
  std::string where() const { return path_.empty() ? file_ : file_ + ": " + path_; }
  const std::string& path() const { return path_; }
  bool is_group() const { return is_group_; }

  /// The members of a group, in the order of their names.
  std::vector<std::string> names() const;
  bool has(const std::string& name) const;
  /// @throws InputError if it cannot be opened.
  Hdf5Node child(const std::string& name) const;
  /// The object that a reference leads to.
  Hdf5Node at(const hobj_ref_t& reference) const;
  /// A new group in this one.
  Hdf5Node create_group(const std::string& name) const;

  bool has_attribute(const std::string& name) const;
  /// A text, or nothing if there is no such attribute or it holds something else.
  std::optional<std::string> text_attribute(const std::string& name) const;
  /// A list of texts; empty if there is no such attribute.
  std::vector<std::string> texts_attribute(const std::string& name) const;
  /// Whole numbers; empty if there is no such attribute.
  std::vector<int64_t> numbers_attribute(const std::string& name) const;
  /// The object that an attribute refers to, or nothing.
  std::optional<Hdf5Node> reference_attribute(const std::string& name) const;
  void set_text_attribute(const std::string& name, const std::string& value) const;
  void set_texts_attribute(const std::string& name, const std::vector<std::string>& values) const;

  /// The extents of a data set; empty for a scalar. @throws InputError for a group or an extent beyond int64_t.
  std::vector<int64_t> shape() const;
  Hdf5Id type() const;

  /// @throws InputError naming a filter of the data set that this machine cannot decode.
  void require_filters() const;

  /// Reads `count` entries of the first axis, from `begin` on, as `memory_type`.
  /// @throws InputError with HDF5's reason.
  void read(int64_t begin, int64_t count, hid_t memory_type, void* to) const;
  /// Writes entries in the same way.
  void write(int64_t begin, int64_t count, hid_t memory_type, const void* from) const;

  /// Whole numbers of a data set of one axis. @throws InputError if it holds anything else.
  std::vector<int64_t> read_numbers() const;
  /// Texts of a data set of one axis or of a scalar, of fixed or variable length.
  std::vector<std::string> read_texts() const;

  /// A data set of one axis of texts, as anndata writes it.
  Hdf5Node create_texts(const std::string& name, const std::vector<std::string>& values) const;
  /// A data set in this group; without extents a scalar. @param plan  its layout, a list of H5P_DATASET_CREATE.
  Hdf5Node create(const std::string& name, hid_t type, const std::vector<int64_t>& shape,
                  hid_t plan = H5P_DEFAULT) const;

  /// Hands what was written to the system. @throws SystemError; closing a file would hide a full disk.
  void flush() const;

  /// @throws InputError "WHERE: WHAT", with HDF5's reason if `reason`.
  [[noreturn]] void refuse(const std::string& what, bool reason = false) const;
  /// @throws SystemError for a failed write, with HDF5's reason.
  [[noreturn]] void refuse_write() const;

 private:
  Hdf5Node(std::string file, std::string path, Hdf5Id id);

  void transfer(bool write, int64_t begin, int64_t count, hid_t memory_type, void* data) const;

  std::string file_, path_;
  Hdf5Id id_;
  bool is_group_ = false;
};

/// Texts in memory of type `type`, one after another, as strings.
std::vector<std::string> hdf5_texts(hid_t type, const std::vector<char>& bytes, int64_t count);

/// A text of variable length in UTF-8.
Hdf5Id hdf5_text_type();

}  // namespace monge::io
