// The names that a pickle may use, and what each of them makes of its arguments.
#pragma once

#include <string>
#include <string_view>

#include "monge/io/pickle.h"

namespace monge::io {

/// Whether `name` ("module.attribute") is on the list.
bool is_known_name(std::string_view name);

/// What calling `function` (of Kind::name) with the tuple `arguments` gives.
/// @param texts  owns the text of the result where it is new.
/// @throws Error naming `file` and the function when it cannot be called, or not with such arguments.
PickleValue call_known_name(const PickleValue& function, const PickleValue& arguments, std::deque<std::string>& texts,
                            const std::string& file);

/// The storage meant by a persistent id: ("storage", type, key, location, elements[, view]). The location is ignored: a
/// file saved on a GPU is read on the CPU.
PickleValue storage_of_id(const PickleValue& id, const std::string& file);

}  // namespace monge::io
