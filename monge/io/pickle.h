// A pickle machine that builds tensors, containers and inert objects. It never imports or calls a name of a pickle.
#pragma once

#include <torch/types.h>

#include <deque>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace monge::io {

/// One Python object. `kind` decides which members are used.
struct PickleValue {
  enum class Kind {
    none,
    boolean,      ///< integer: 0 or 1
    integer,      ///< integer
    big_integer,  ///< text: the little-endian two's complement bytes of an int beyond 64 bits
    real,         ///< real
    string,       ///< text: UTF-8, or raw bytes of a Python 2 string
    bytes,        ///< text
    tuple,        ///< items
    list,         ///< items
    set,          ///< items
    dict,         ///< items: key, value, key, value, ... in insertion order; a key can come twice
    name,         ///< text: the "module.attribute" of one of the allowed names
    object,       ///< text: the name of its class. items: the tuple of constructor arguments, then its state, entries
                  ///< or elements as they were set (dict, list, set, tuple of two states)
    storage,      ///< text: its key; dtype; integer: elements; offset, extent: the part of it that is used
    tensor,       ///< items[0]: storage; dtype; offset in elements; sizes; strides
  };
  Kind kind = Kind::none;
  torch::ScalarType dtype = torch::kFloat32;
  int64_t integer = 0;
  double real = 0;
  std::string_view text = {};
  int64_t offset = 0, extent = 0;
  std::vector<const PickleValue*> items = {};
  std::vector<int64_t> sizes = {}, strides = {};
};

/// The result of reading a pickle. Owns its values (they may refer to one another in circles), but not their text,
/// which points into the bytes that were read. Movable.
struct Pickle {
  std::deque<PickleValue> values;
  std::deque<std::string> texts;  ///< texts that do not occur in the bytes as they are
  const PickleValue* root = nullptr;
  std::set<std::string> foreign;  ///< classes of other packages whose objects became inert values
  size_t consumed = 0;            ///< bytes up to and including the final STOP
};

/// Reads one pickle of protocol 2 to 5 from the front of `bytes`; the bytes must outlive the result.
///
/// Tensors, Python's containers, numpy scalars and paths are read as values (see pickle_names.h). An object of any
/// other class that may represent data becomes a Kind::object, which holds what the pickle would have passed to it. If
/// kind_of_name refuses a name, reading ends at this name:
///
///     evil.pt: refuses to load the Python object "posix.system"; only tensors and containers are read
///
/// Sizes and storages of tensors are descriptions that have not yet been checked against the storage.
///
/// @param file  for messages.
/// @throws InputError as above; on damage; beyond 2 million values.
Pickle read_pickle(std::string_view bytes, const std::string& file);

}  // namespace monge::io
