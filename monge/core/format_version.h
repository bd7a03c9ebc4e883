// Versions of the formats that monge writes.
#pragma once

#include <cstdint>
#include <string>

namespace monge {

/// Refuses a file whose format has another version than this program reads, and says what to do.
/// @param where  the file.
/// @param kind   what the file is, "checkpoint".
/// @param found  the version as the file has it; may be no number.
/// @param known  the version that this program reads and writes.
/// @throws InputError unless they agree.
void require_format_version(const std::string& where, const std::string& kind, const std::string& found, int64_t known);

}  // namespace monge
