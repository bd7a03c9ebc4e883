// Text whose letters of ASCII alone have cases, as in names of protocols and formats, whatever the locale.
#pragma once

#include <string>
#include <string_view>

namespace monge {

/// The text with the letters A to Z as a to z; other bytes stay.
std::string lower_case(std::string_view text);

}  // namespace monge
