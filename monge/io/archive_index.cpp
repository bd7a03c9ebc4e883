#include "monge/io/archive_index.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/core/nearest.h"
#include "monge/io/archive_reader.h"
#include "monge/io/entry_names.h"

namespace monge::io {

namespace {

/// A tar ends with two blocks of zeros, and with nothing but zeros after them. One that was cut between two entries has none, and a
/// block of zeros in its midst hides what follows: libarchive takes both for the end.
void check_end(const std::filesystem::path& path, std::string_view end) {
  constexpr size_t kTwoBlocks = 1024;
  require(end.size() >= kTwoBlocks, path.string(), ": the archive has no end, so it was cut; copy it again");
  require(end.find_first_not_of('\0') == std::string_view::npos, path.string(),
          ": the archive has something after its end, so it is damaged, or several were put one after another; copy it again, or unpack them");
}

struct OpenLink {
  std::string name, target;
};

using Places = std::unordered_map<std::string, size_t>;  ///< of entries, by their names without "./"

/// Adds a hard link as an entry. @throws Error when its name is that of an entry with other bytes.
void add_link(const MappedFile& archive, StoredEntry link, std::vector<StoredEntry>& out, Places& places, ArchiveReport& report) {
  const auto [place, is_new] = places.emplace(join(name_parts(link.name), "/"), out.size());
  if (is_new) {
    out.push_back(std::move(link));
    return;
  }
  const auto content = [&](const StoredEntry& entry) {
    return archive.bytes().substr(static_cast<size_t>(entry.offset), static_cast<size_t>(entry.size));
  };
  if (content(out[place->second]) != content(link)) refuse_double(archive.path(), link.name);
  count(report.repetitions, link.name);
}

/// @param links  hard links to what was not taken.
std::optional<std::vector<StoredEntry>> index_entries(const MappedFile& archive, const std::function<bool(const std::string&)>& wanted,
                                                      const ArchiveLimits& limits, ArchiveReport& report, std::vector<OpenLink>& links) {
  const auto& path = archive.path();
  const auto bytes = archive.bytes();
  require(!bytes.empty(), path.string(), ": the archive is empty (0 bytes)");
  const auto reader = new_archive_reader();
  if (archive_read_open_memory(reader.get(), bytes.data(), bytes.size()) != ARCHIVE_OK) refuse_archive(path.string(), reader.get());
  EntryNames names(bytes, path.string());
  std::vector<StoredEntry> out;
  Places places;
  for (int64_t seen = 0;; ++seen) {
    ::archive_entry* entry = nullptr;
    const int status = names.next(reader.get(), &entry);
    if (status == ARCHIVE_EOF) {
      if ((archive_format(reader.get()) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_TAR) {
        check_end(path, bytes.substr(std::min(bytes.size(), static_cast<size_t>(archive_read_header_position(reader.get())))));
      }
      return out;
    }
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN) refuse_archive(path.string(), reader.get());
    if (archive_filter_count(reader.get()) > 1) return {};  // the whole is compressed: filter 0 is the format's, the last the file's
    require(seen < limits.most_entries, path.string(), ": more than ", limits.most_entries,
            " entries; split the archive");
    auto name = entry_name(entry);
    const auto target = hard_link_target(entry);
    if (target.empty() && !is_plain_entry(entry)) {
      count_odd_entry(entry, name, report);
      continue;
    }
    if (!stays_inside(name)) {
      count(report.unsafe, name);
      continue;
    }
    if (wanted && !wanted(name)) continue;
    if (!target.empty()) {
      const auto place = places.find(join(name_parts(target), "/"));
      if (place == places.end()) {
        links.push_back({name, target});
        continue;
      }
      StoredEntry link = out[place->second];
      link.name = name;
      add_link(archive, std::move(link), out, places, report);
      continue;
    }
    require(!archive_entry_is_encrypted(entry), path.string(), ": the entry ", name, " is encrypted; unpack it first");
    if (!archive_entry_size_is_set(entry)) return {};
    const int64_t size = archive_entry_size(entry);
    require(size <= limits.most_entry_bytes, path.string(), ": the entry ", name, " has more than ", limits.most_entry_bytes,
            " bytes; this is not a set of pictures, or a trap");
    StoredEntry found{std::move(name), 0, size};
    if (size > 0) {
      // libarchive hands out what stands in the file as a pointer into the file's own memory, and copies of all else.
      const void* block = nullptr;
      size_t length = 0;
      la_int64_t at = 0;
      const int read = archive_read_data_block(reader.get(), &block, &length, &at);
      if (read < ARCHIVE_WARN) refuse_archive(path.string(), reader.get());
      const auto* begin = static_cast<const char*>(block);
      if (read == ARCHIVE_EOF || at != 0 || begin < bytes.data() || begin >= bytes.data() + bytes.size()) return {};
      found.offset = begin - bytes.data();
      if (archive_entry_sparse_count(entry) > 0) return {};
      require(size <= static_cast<int64_t>(bytes.size()) - found.offset, path.string(), ": the archive ends within the entry ",
              found.name, "; check that it was copied whole");
      if (static_cast<int64_t>(length) != size) return {};  // in pieces
    }
    const auto [old, fresh] = places.emplace(join(name_parts(found.name), "/"), out.size());
    if (fresh) {
      out.push_back(std::move(found));
      continue;
    }
    const auto& first = out[old->second];
    const auto content = [&](const StoredEntry& e) { return bytes.substr(static_cast<size_t>(e.offset), static_cast<size_t>(e.size)); };
    if (content(first) != content(found)) refuse_double(path, found.name);
    count(report.repetitions, found.name);
  }
}

}  // namespace

std::optional<std::vector<StoredEntry>> index_archive(const MappedFile& archive,
                                                      const std::function<bool(const std::string&)>& wanted,
                                                      const ArchiveLimits& limits, ArchiveReport* report) {
  ArchiveReport own;
  std::vector<OpenLink> links;
  auto out = index_entries(archive, wanted, limits, own, links);
  if (out && !links.empty()) {
    // They lead to entries that are not wanted under their own names.
    std::unordered_set<std::string> targets;
    for (const auto& link : links) targets.insert(join(name_parts(link.target), "/"));
    ArchiveReport known;
    std::vector<OpenLink> further;
    const auto is_target = [&](const std::string& name) { return targets.contains(join(name_parts(name), "/")); };
    const auto found = index_entries(archive, is_target, limits, known, further);
    if (!found) return {};
    std::unordered_map<std::string, const StoredEntry*> by_name;
    for (const auto& entry : *found) by_name.emplace(join(name_parts(entry.name), "/"), &entry);
    Places places;
    for (size_t i = 0; i < out->size(); ++i) places.emplace(join(name_parts((*out)[i].name), "/"), i);
    for (const auto& link : links) {
      const auto place = by_name.find(join(name_parts(link.target), "/"));
      if (place == by_name.end()) {
        count(own.links, link.name);
      } else {
        add_link(archive, {link.name, place->second->offset, place->second->size}, *out, places, own);
      }
    }
  }
  if (report) *report = std::move(own);
  return out;
}

}  // namespace monge::io
