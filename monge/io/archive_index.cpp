#include "monge/io/archive_index.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <memory>
#include <string_view>
#include <unordered_map>

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/core/nearest.h"
#include "monge/io/archive_reader.h"
#include "monge/io/entry_list.h"
#include "monge/io/entry_names.h"
#include "monge/io/zip_directory.h"

namespace monge::io {

namespace {

/// Checks that the tar has its end: two blocks of zeros, with only zeros after them. A tar that was cut between two
/// entries has no such end, and a block of zeros in the middle hides the entries after it: libarchive takes both for
/// the end.
void check_end(const std::filesystem::path& path, std::string_view end) {
  constexpr size_t kTwoBlocks = 1024;
  require(end.size() >= kTwoBlocks, path.string(),
          ": the archive has no end marker, so it is truncated; copy it again");
  require(end.find_first_not_of('\0') == std::string_view::npos, path.string(),
          ": the archive has data after its end marker: it is damaged, or several archives were concatenated; copy it "
          "again, or unpack them");
}

/// Adds an entry unless one of its name exists. @throws InputError when that one has different bytes.
void add_entry(const MappedFile& archive, StoredEntry entry, EntryList<StoredEntry>& list, ArchiveReport& report) {
  const auto content = [&](const StoredEntry& e) {
    return archive.bytes().substr(static_cast<size_t>(e.offset), static_cast<size_t>(e.size));
  };
  const auto* first = list.find(entry.name);
  if (!first) return list.add(std::move(entry));
  if (content(*first) != content(entry)) refuse_duplicate(archive.path(), entry.name);
  count(report.repetitions, entry.name);
}

/// The checksums of the entries of a zip, by the offsets of their bytes.
class StoredChecksums {
 public:
  /// @return false if the directory cannot be read.
  bool read(std::string_view zip, const std::string& shown) {
    try {
      for (const auto& record : read_zip_directory(zip, shown).records) {
        constexpr uint16_t kStored = 0;
        if (record.method == kStored) crc_.emplace(zip_entry_begin(zip, record, shown), record.crc);
      }
    } catch (const InputError&) {
      return false;
    }
    return true;
  }

  std::optional<uint32_t> at(int64_t offset) const {
    const auto found = crc_.find(static_cast<uint64_t>(offset));
    return found == crc_.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  std::unordered_map<uint64_t, uint32_t> crc_;
};

/// @param links  receives the hard links to entries that were not taken.
/// @return the entries; nothing if their bytes do not lie in the file as they are.
std::optional<EntryList<StoredEntry>> index_entries(const MappedFile& archive,
                                                    const std::function<bool(const std::string&)>& wanted,
                                                    const ArchiveLimits& limits, ArchiveReport& report,
                                                    std::vector<UnresolvedLink>& links) {
  const auto& path = archive.path();
  const auto bytes = archive.bytes();
  require(!bytes.empty(), path.string(), ": the archive is empty (0 bytes)");
  const auto reader = new_archive_reader();
  if (archive_read_open_memory(reader.get(), bytes.data(), bytes.size()) != ARCHIVE_OK)
    refuse_archive(path.string(), reader.get());
  EntryNames names(bytes, path.string());
  EntryList<StoredEntry> out;
  std::optional<StoredChecksums> checksums;  // of a zip
  for (int64_t seen = 0;; ++seen) {
    ::archive_entry* entry = nullptr;
    const int status = names.next(reader.get(), &entry);
    if (status == ARCHIVE_EOF) {
      if ((archive_format(reader.get()) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_TAR) {
        check_end(path, bytes.substr(
                            std::min(bytes.size(), static_cast<size_t>(archive_read_header_position(reader.get())))));
      }
      return out;
    }
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN) refuse_archive(path.string(), reader.get());
    if (archive_filter_count(reader.get()) > 1)
      return {};  // the archive is compressed: filter 0 is the format's, the last the file's
    require(seen < limits.most_entries, path.string(), ": more than ", limits.most_entries,
            " entries; split the archive");
    auto name = entry_name(entry);
    const auto target = hard_link_target(entry);
    if (target.empty() && !is_plain_entry(entry)) {
      count_special_entry(entry, name, report);
      continue;
    }
    if (!stays_inside(name)) {
      count(report.unsafe, name);
      continue;
    }
    if (wanted && !wanted(name)) continue;
    if (!target.empty()) {
      if (const auto* linked = out.find(target)) {
        add_entry(archive, {name, linked->offset, linked->size, linked->crc}, out, report);
      } else {
        links.push_back({name, target});
      }
      continue;
    }
    require(!archive_entry_is_encrypted(entry), path.string(), ": the entry ", name, " is encrypted; unpack it first");
    if (!archive_entry_size_is_set(entry)) return {};
    const int64_t size = archive_entry_size(entry);
    require(size <= limits.most_entry_bytes, path.string(), ": the entry ", name, " has more than ",
            limits.most_entry_bytes, " bytes; the archive is not a set of images, or is malicious");
    StoredEntry found{std::move(name), 0, size};
    if (size > 0) {
      // libarchive returns uncompressed bytes as a pointer into the mapped file, and all others as copies.
      const void* block = nullptr;
      size_t length = 0;
      la_int64_t at = 0;
      const int read = archive_read_data_block(reader.get(), &block, &length, &at);
      if (read < ARCHIVE_WARN) refuse_archive(path.string(), reader.get());
      const auto* begin = static_cast<const char*>(block);
      if (read == ARCHIVE_EOF || at != 0 || begin < bytes.data() || begin >= bytes.data() + bytes.size()) return {};
      found.offset = begin - bytes.data();
      if (archive_entry_sparse_count(entry) > 0) return {};
      require(size <= static_cast<int64_t>(bytes.size()) - found.offset, path.string(),
              ": the archive ends within the entry ", found.name, "; check that it was copied completely");
      if (static_cast<int64_t>(length) != size) return {};  // not in one piece
      if ((archive_format(reader.get()) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_ZIP) {
        if (!checksums && !checksums.emplace().read(bytes, path.string())) return {};
        found.crc = checksums->at(found.offset);
        if (!found.crc) return {};  // read_archive compares it
      }
    }
    add_entry(archive, std::move(found), out, report);
  }
}

std::optional<std::vector<StoredEntry>> index_with_links(const MappedFile& archive,
                                                         const std::function<bool(const std::string&)>& wanted,
                                                         const ArchiveLimits& limits, ArchiveReport* report) {
  ArchiveReport own;
  std::vector<UnresolvedLink> links;
  auto entries = index_entries(archive, wanted, limits, own, links);
  if (!entries) return {};
  bool stored = true;
  const auto index_targets = [&](const auto& is_target) {
    ArchiveReport known;
    std::vector<UnresolvedLink> further;
    auto targets = index_entries(archive, is_target, limits, known, further);
    stored = targets.has_value();
    return targets ? std::move(*targets) : EntryList<StoredEntry>();
  };
  const auto add_link = [&](const UnresolvedLink& link, const StoredEntry& entry) {
    add_entry(archive, {link.name, entry.offset, entry.size, entry.crc}, *entries, own);
  };
  resolve_links(links, index_targets, add_link, own);
  if (!stored) return {};
  if (report) *report = std::move(own);
  return entries->take();
}

}  // namespace

std::optional<std::vector<StoredEntry>> index_archive(const MappedFile& archive,
                                                      const std::function<bool(const std::string&)>& wanted,
                                                      const ArchiveLimits& limits, ArchiveReport* report) {
  return archive.used_by([&](std::string_view) { return index_with_links(archive, wanted, limits, report); });
}

}  // namespace monge::io
