#include "monge/core/format_version.h"

#include <charconv>

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/core/version.h"

namespace monge {

void require_format_version(const std::string& where, const std::string& kind, const std::string& found,
                            int64_t known) {
  if (found == std::to_string(known)) return;
  int64_t number = 0;
  const auto [end, failure] = std::from_chars(found.data(), found.data() + found.size(), number);
  const bool newer = failure == std::errc() && end == found.data() + found.size() && number > known;
  throw InputError({.what = newer ? "a newer monge wrote this " + kind : "no monge writes this version of a " + kind,
                    .where = where,
                    .value = "format version " + (newer ? found : shown(found)),
                    .allowed = text(known, ", which monge ", version(), " reads"),
                    .fix = newer ? "update monge; the file can stay as it is" : "copy the file again"});
}

}  // namespace monge
