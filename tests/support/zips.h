// Zip archives byte by byte, with names and marks that no library of ours would write.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <string>
#include <vector>

namespace monge::testing {

struct ZipPart {
  std::string name, bytes;
  uint16_t flags = 0;             ///< 0x800: the name is UTF-8
  std::string unicode_path = {};  ///< of the Unicode Path field; empty: no such field
  uint16_t made_by = 20;          ///< 20: MS-DOS; 3 << 8 | 20: Unix
  bool stale_path = false;        ///< the field is of another name
};

inline std::string zip_of(const std::vector<ZipPart>& parts) {
  std::string out, directory;
  const auto put = [](std::string& to, uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) to += static_cast<char>(value >> (8 * i));
  };
  const auto sum = [](const std::string& bytes) {
    return ::crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size()));
  };
  for (const auto& part : parts) {
    std::string extra, common;
    if (!part.unicode_path.empty()) {
      put(extra, 0x7075, 2), put(extra, 5 + part.unicode_path.size(), 2), put(extra, 1, 1);
      put(extra, sum(part.stale_path ? "another" : part.name), 4);
      extra += part.unicode_path;
    }
    put(common, 20, 2), put(common, part.flags, 2), put(common, 0, 2), put(common, 0x00210000, 4),
        put(common, sum(part.bytes), 4);
    put(common, part.bytes.size(), 4), put(common, part.bytes.size(), 4), put(common, part.name.size(), 2),
        put(common, extra.size(), 2);
    const auto place = out.size();
    out += "PK\3\4" + common + part.name + extra + part.bytes;
    directory += "PK\1\2";
    put(directory, part.made_by, 2);
    directory += common + std::string(10, '\0');
    put(directory, place, 4);
    directory += part.name + extra;
  }
  const auto begin = out.size();
  out += directory + "PK\5\6" + std::string(4, '\0');
  put(out, parts.size(), 2), put(out, parts.size(), 2), put(out, directory.size(), 4), put(out, begin, 4),
      put(out, 0, 2);
  return out;
}

}  // namespace monge::testing
