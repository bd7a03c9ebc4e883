// The version of the format of exported model files.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace monge::model {

inline constexpr const char* kFormatKey = "monge.format";  ///< in the metadata; the first exports have none
inline constexpr int64_t kFormat = 1;

/// Refuses the metadata of a file of a newer monge, see core/format_version.h.
void require_known_format(const std::map<std::string, std::string>& metadata, const std::string& path);

}  // namespace monge::model
