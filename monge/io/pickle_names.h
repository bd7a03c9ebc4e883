// The names that a pickle may call, and what each of them makes of its arguments.
#pragma once

#include <string>
#include <string_view>

#include "monge/io/pickle.h"

namespace monge::io {

/// Whether `name` ("module.attribute") has a meaning here: tensors, storages and types of torch; OrderedDict, Counter,
/// defaultdict, deque, set, frozenset and bytearray of Python; numpy's scalars; paths. The rest is up to kind_of_name.
bool is_known_name(std::string_view name);

/// What calling `function` (of Kind::name) with the tuple `arguments` gives. Nothing is run: a name without a meaning
/// here gives a Kind::object of that class.
/// @param texts  owns the text of the result where it is new.
/// @throws InputError naming `file` and the function when it cannot be called, or not with such arguments.
PickleValue call_known_name(const PickleValue& function, const PickleValue& arguments, std::deque<std::string>& texts,
                            const std::string& file);

/// What a persistent id means. ("storage", type, key, location, elements[, view]) is a storage; the location is
/// ignored, because a file saved on a GPU is read on the CPU. ("module", class, file, source), which the legacy format
/// has for a whole network, is the class.
PickleValue storage_of_id(const PickleValue& id, const std::string& file);

}  // namespace monge::io
