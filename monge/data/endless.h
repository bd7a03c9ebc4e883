// What distributions refuse that sets of items can do.
#pragma once

#include <string>

#include "monge/core/error.h"

namespace monge::data {

/// For Source::stored_items of a source that only draws. @throws InputError naming the source.
[[noreturn]] inline void refuse_items(const std::string& name) {
  throw InputError(name + ": the distribution is endless and has no numbered items; draw from it instead");
}

}  // namespace monge::data
