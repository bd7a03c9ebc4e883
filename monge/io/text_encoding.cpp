#include "monge/io/text_encoding.h"

#include <iconv.h>

#include <cerrno>
#include <memory>

#include "monge/core/error.h"
#include "monge/core/names.h"

namespace monge::io {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

/// @param on_fault  called with the offset of what cannot be converted; returns how many bytes to replace by U+FFFD.
template <class OnFault>
std::string converted(std::string_view bytes, const char* from, const OnFault& on_fault) {
  const auto close = [](void* converter) { iconv_close(converter); };
  const std::unique_ptr<void, decltype(close)> converter(iconv_open("UTF-8", from), close);
  require(converter.get() != reinterpret_cast<void*>(-1), "this system cannot convert ", from,
          " to UTF-8 (iconv: ", std::error_code(errno, std::generic_category()).message(), "); save the file as UTF-8");
  std::string out;
  char* in = const_cast<char*>(bytes.data());
  size_t left = bytes.size();
  char block[1 << 14];
  while (left > 0) {
    char* to = block;
    size_t room = sizeof block;
    const bool fault = iconv(converter.get(), &in, &left, &to, &room) == static_cast<size_t>(-1) && errno != E2BIG;
    out.append(block, static_cast<size_t>(to - block));
    if (!fault) continue;
    const size_t skipped = on_fault(bytes.size() - left);
    out += kReplacement;
    in += skipped;
    left -= skipped;
  }
  return out;
}

/// Whether, at the beginning, every second byte from `first` on is zero and the others are not.
bool alternates(std::string_view bytes, size_t first) {
  constexpr size_t kSeen = 64;
  const auto seen = bytes.substr(0, std::min(kSeen, bytes.size() / 2 * 2));
  if (seen.size() < 4) return false;
  for (size_t i = 0; i < seen.size(); ++i) {
    if ((seen[i] == '\0') != (i % 2 == first)) return false;
  }
  return true;
}

}  // namespace

std::string_view utf8_text(std::string_view bytes, const std::string& name, std::string& buffer,
                           std::string& encoding) {
  using namespace std::string_view_literals;
  encoding.clear();
  if (bytes.starts_with("\xef\xbb\xbf"sv)) return bytes.substr(3);
  const char* from = nullptr;
  size_t mark = 0;
  if (bytes.starts_with("\xff\xfe\0\0"sv) || bytes.starts_with("\0\0\xfe\xff"sv)) {
    encoding = "UTF-32";
    from = bytes[0] == '\0' ? "UTF-32BE" : "UTF-32LE";
    mark = 4;
  } else if (bytes.starts_with("\xff\xfe"sv) || bytes.starts_with("\xfe\xff"sv)) {
    encoding = "UTF-16";
    from = bytes[0] == '\xff' ? "UTF-16LE" : "UTF-16BE";
    mark = 2;
  } else if (alternates(bytes, 1) || alternates(bytes, 0)) {
    encoding = "UTF-16";
    from = bytes[0] == '\0' ? "UTF-16BE" : "UTF-16LE";
  } else {
    return bytes;
  }
  buffer = converted(bytes.substr(mark), from, [&](size_t at) -> size_t {
    throw InputError(
        text(name, ": is not valid ", encoding, " at byte ", at + mark, "; save it again, preferably as UTF-8"));
  });
  return buffer;
}

void refuse_other_formats(std::string_view bytes, const std::string& name) {
  using namespace std::string_view_literals;
  struct Format {
    std::string_view magic;
    const char *what, *fix;
  };
  static constexpr Format kFormats[] = {
      {"\x1f\x8b"sv, "is compressed with gzip", "give it the extension .gz, as in table.csv.gz"},
      {"\x93NUMPY"sv, "is a NumPy array", "give it the extension .npy"},
      {"PK\x03\x04"sv, "is a zip archive (such as .xlsx, .ods or .npz)",
       "save a spreadsheet as CSV, or give NumPy arrays the extension .npz"},
      {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"sv, "is an old spreadsheet (.xls)", "save it as CSV"},
      {"PAR1"sv, "is a Parquet file", "give it the extension .parquet"},
      {"\x89HDF\r\n\x1a\n"sv, "is an HDF5 file", "save its table as .csv or .npy"},
  };
  for (const auto& [magic, what, fix] : kFormats) {
    if (bytes.starts_with(magic) && (magic != "PAR1" || bytes.ends_with(magic)))
      throw InputError(text(name, ": ", what, ", not text; ", fix));
  }
}

std::string utf8_name(std::string_view name) {
  if (is_utf8(name)) return std::string(name);
  return converted(name, "WINDOWS-1252", [](size_t) -> size_t { return 1; });
}

}  // namespace monge::io
