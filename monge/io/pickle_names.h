// The names that a pickle may call, and the value that each makes of its arguments.
#pragma once

#include <string>
#include <string_view>

#include "monge/io/pickle.h"

namespace monge::io {

/// Whether `name` ("module.attribute") has a meaning here: tensors, storages and types of torch; OrderedDict, Counter,
/// defaultdict, deque, set, frozenset and bytearray of Python; numpy's scalars; paths. kind_of_name decides about all
/// others.
bool is_known_name(std::string_view name);

/// The value of a call of `function` (of Kind::name) with the tuple `arguments`. Nothing is executed: a name without a
/// meaning here gives a Kind::object of that class.
/// @param texts  owns the text of the result if it is new.
/// @throws InputError naming `file` and the function when it cannot be called, or not with these arguments.
PickleValue call_known_name(const PickleValue& function, const PickleValue& arguments, std::deque<std::string>& texts,
                            const std::string& file);

/// The value of a persistent id. ("storage", type, key, location, elements[, view]) is a storage; the location is
/// ignored, because a file saved on a GPU is read on the CPU. ("module", class, file, source), the legacy format's id
/// of a whole network, is the class.
PickleValue storage_of_id(const PickleValue& id, const std::string& file);

}  // namespace monge::io
