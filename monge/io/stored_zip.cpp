#include "monge/io/stored_zip.h"

#include <algorithm>
#include <unordered_set>

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/io/crc32.h"
#include "monge/io/zip_directory.h"

namespace monge::io {

std::vector<ZipEntry> read_stored_zip(std::string_view archive, const std::string& file) {
  const auto check = [&](bool fine, std::string_view what) {
    require(fine, file, ": the zip archive has ", what,
            "; the file is truncated or damaged, copy or download it again");
  };
  const auto directory = read_zip_directory(archive, file);
  std::vector<ZipEntry> out;
  std::vector<std::pair<uint64_t, uint64_t>> ranges;
  std::unordered_set<std::string> names;
  for (const auto& record : directory.records) {
    const auto& name = record.name;
    require((record.flags & 1) == 0, file, ": the entry ", shown(name), " is encrypted; save it without a password");
    require(record.method == 0 && record.packed == record.size, file, ": the entry ", shown(name),
            " is compressed; torch.save stores entries uncompressed, so save it again with torch.save");
    require(names.insert(name).second, file, ": the entry ", shown(name), " appears twice; the file is damaged");
    const uint64_t data = zip_entry_begin(archive, record, file);
    check(data <= archive.size() && record.size <= archive.size() - data, "a part outside the file");
    check(data + record.size <= directory.begin, "an entry inside its directory");
    out.push_back({.name = name, .bytes = archive.substr(data, record.size)});
    ranges.emplace_back(record.header, data + record.size);
  }
  // Overlapping entries would let a small file expand to much data.
  std::sort(ranges.begin(), ranges.end());
  for (size_t i = 1; i < ranges.size(); ++i) check(ranges[i - 1].second <= ranges[i].first, "entries that overlap");
  for (size_t i = 0; i < out.size(); ++i) {
    const auto& bytes = out[i].bytes;
    const auto expected = directory.records[i].crc;
    // torch.save writes 0 if its checksums are switched off.
    require(expected == 0 || expected == crc32_of(bytes), file, ": the checksum of the entry ", shown(out[i].name),
            " is wrong; the file is damaged, copy or download it again");
  }
  return out;
}

}  // namespace monge::io
