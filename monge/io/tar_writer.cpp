#include "monge/io/tar_writer.h"

#include <algorithm>
#include <cstdio>

#include "monge/core/names.h"

namespace monge::io {
namespace {

constexpr size_t kBlock = 512, kNameRoom = 100;

/// A header of the ustar format: fields of octal digits at fixed offsets.
std::string header(std::string_view name, uint64_t size, char type) {
  std::string out(kBlock, '\0');
  const auto octal = [&](size_t at, int digits, uint64_t value) {
    char field[24];
    std::snprintf(field, sizeof field, "%0*llo", digits, static_cast<unsigned long long>(value));
    out.replace(at, static_cast<size_t>(digits), field);
  };
  out.replace(0, std::min(name.size(), kNameRoom), name.substr(0, kNameRoom));
  octal(100, 7, 0644);
  octal(108, 7, 0), octal(116, 7, 0);  // user and group
  constexpr uint64_t kMostOctal = uint64_t{1} << 33;
  if (size < kMostOctal) {
    octal(124, 11, size);
  } else {  // the form of GNU tar, which all current tar programs read: the highest bit, then a binary number
    out[124] = static_cast<char>(0x80);
    for (size_t i = 0; i < 8; ++i) out[128 + i] = static_cast<char>(size >> (8 * (7 - i)));
  }
  octal(136, 11, 315'619'200);  // 1980-01-02
  out.replace(148, 8, 8, ' ');
  out[156] = type;
  out.replace(257, 8, std::string_view("ustar\00000", 8));
  uint64_t sum = 0;
  for (const unsigned char byte : out) sum += byte;
  octal(148, 6, sum);
  out[154] = '\0';
  return out;
}

/// "27 path=..." with a line feed. The number counts the bytes of this record, including its own digits.
std::string pax_record(std::string_view key, std::string_view value) {
  const auto rest = " " + std::string(key) + "=" + std::string(value) + "\n";
  auto length = rest.size();
  while (std::to_string(length).size() + rest.size() != length) length = std::to_string(length).size() + rest.size();
  return std::to_string(length) + rest;
}

bool is_ascii(std::string_view name) {
  return std::all_of(name.begin(), name.end(), [](unsigned char c) { return c < 0x80; });
}

}  // namespace

void TarWriter::write_padded(std::string_view bytes) {
  sink_(bytes);
  if (const size_t over = bytes.size() % kBlock; over > 0) sink_(std::string(kBlock - over, '\0'));
}

void TarWriter::add(std::string_view name, std::string_view bytes) {
  const bool ascii = is_ascii(name);
  if (!ascii || name.size() > kNameRoom) {
    const auto records = (is_utf8(name) ? "" : pax_record("hdrcharset", "BINARY")) + pax_record("path", name);
    sink_(header("PaxHeaders/entry", records.size(), 'x'));
    write_padded(records);
  }
  sink_(header(ascii ? name : "entry", bytes.size(), '0'));
  write_padded(bytes);
}

void TarWriter::finish() { sink_(std::string(2 * kBlock, '\0')); }

}  // namespace monge::io
