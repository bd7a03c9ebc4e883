// Reads the names in a 7z archive, which are stored in UTF-16 at its end.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace monge::io {

/// The names of all entries, including folders, as UTF-8 in the archive's order. Half of a surrogate pair, which
/// Windows allows in a name, becomes the three bytes that UTF-8 would have for it. Nothing else is unpacked. Source:
/// 7zFormat.txt of the LZMA SDK 23.01.
///
/// @param file  for messages.
/// @throws InputError when the header is damaged, encrypted, or packed by another method than LZMA or LZMA2.
std::vector<std::string> seven_zip_names(std::string_view archive, const std::string& file);

}  // namespace monge::io
