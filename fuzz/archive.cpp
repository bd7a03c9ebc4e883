// Fuzzes the readers of tar, zip and 7z: unpacking by libarchive and the index of stored entries. No name may leave the
// folder that an archive is unpacked to, and both readers must give the same bytes.
#include "monge/io/archive.h"

#include <map>

#include "fuzz/target.h"
#include "monge/core/names.h"
#include "monge/io/archive_index.h"

MONGE_FUZZ_TARGET(archive) {
  using namespace monge;
  static const fuzz::Folder folder;
  const auto path = folder.file("fuzzed", input);
  const io::ArchiveLimits limits{.most_entries = 1000, .most_bytes = 8 << 20, .most_entry_bytes = 4 << 20};
  std::vector<io::ArchiveEntry> entries;
  io::ArchiveReport report;
  const bool read = fuzz::accepted([&] { entries = io::read_archive(path, {}, limits, &report); });
  std::map<std::string, std::string_view> contents;
  for (const auto& entry : entries) {
    fuzz::expect(stays_inside(entry.name));
    fuzz::expect(contents.emplace(entry.name, entry.bytes).second);
  }
  std::optional<std::vector<io::StoredEntry>> stored;
  std::optional<MappedFile> mapped;
  fuzz::accepted([&] {
    mapped.emplace(path);
    stored = io::index_archive(*mapped, {}, limits);
  });
  if (!stored) return;
  for (const auto& entry : *stored) {
    fuzz::expect(stays_inside(entry.name) && entry.offset >= 0 && entry.size >= 0 &&
                 entry.offset <= static_cast<int64_t>(input.size()) - entry.size);
    if (!read) continue;
    const auto found = contents.find(entry.name);
    fuzz::expect(found != contents.end() &&
                 found->second == input.substr(static_cast<size_t>(entry.offset), static_cast<size_t>(entry.size)));
  }
}
