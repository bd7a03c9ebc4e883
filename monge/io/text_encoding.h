// The letters of a table of text as UTF-8, whatever the program that wrote it used.
#pragma once

#include <string>
#include <string_view>

namespace monge::io {

/// The bytes of a text file as UTF-8 without a byte order mark. UTF-16 and UTF-32 are told by their mark, and UTF-16
/// also by the zeros that ASCII has in it. Other bytes are given back as they are: see utf8_name for single names.
/// @param name      of the file, for messages.
/// @param buffer    holds a converted text; the result is a view of it or of `bytes`.
/// @param encoding  "UTF-16" or "UTF-32", or empty where nothing was converted.
/// @throws InputError    naming the file and the byte where UTF-16 or UTF-32 is damaged.
std::string_view utf8_text(std::string_view bytes, const std::string& name, std::string& buffer, std::string& encoding);

/// @throws InputError where the first bytes are those of a file that is no text: gzip, .npy, a zip archive (as .xlsx
/// and .npz are), an old
///         .xls, Parquet, HDF5. It says which.
void refuse_other_formats(std::string_view bytes, const std::string& name);

/// A name out of a text: itself where it is UTF-8, else read as Windows-1252, which spreadsheets write in western
/// Europe. Bytes that mean nothing there become U+FFFD.
std::string utf8_name(std::string_view name);

}  // namespace monge::io
