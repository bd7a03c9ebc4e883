// Converts the text of a table to UTF-8, whatever encoding its program used.
#pragma once

#include <string>
#include <string_view>

namespace monge::io {

/// The bytes of a text file as UTF-8 without a byte order mark. The mark identifies UTF-16 and UTF-32; UTF-16 without a
/// mark is recognised by the zero bytes in its ASCII characters. Other bytes are returned unchanged: see utf8_name for
/// single names.
/// @param name      the file, for messages.
/// @param buffer    holds a converted text; the result is a view of it or of `bytes`.
/// @param encoding  receives "UTF-16" or "UTF-32", or becomes empty if nothing was converted.
/// @throws InputError naming the file and the byte where UTF-16 or UTF-32 is damaged.
std::string_view utf8_text(std::string_view bytes, const std::string& name, std::string& buffer, std::string& encoding);

/// @throws InputError naming the format when the first bytes are those of a file that is no text: gzip, .npy, a zip
///     archive (as .xlsx and .npz are), an old .xls, Parquet, HDF5.
void refuse_other_formats(std::string_view bytes, const std::string& name);

/// A name from a text, as UTF-8. If it is not UTF-8, it is read as Windows-1252, the encoding of spreadsheets in
/// western Europe; undefined bytes become U+FFFD.
std::string utf8_name(std::string_view name);

}  // namespace monge::io
