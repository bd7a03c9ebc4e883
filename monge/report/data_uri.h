// Files inside a page.
#pragma once

#include <string>
#include <string_view>

namespace monge::report {

/// The bytes as base64 (RFC 4648).
std::string base64(std::string_view bytes);

/// "data:TYPE;base64,...": a file as an address (RFC 2397).
/// @param type  its media type, such as "image/png".
std::string data_uri(std::string_view type, std::string_view bytes);

/// Text that stands inside a <script> element of an HTML page as it is: without "</" and "<!--", which end or change
/// the element. Only for JSON, where "<" is the same as "\u003c".
std::string json_in_page(std::string json);

}  // namespace monge::report
