// Archives that write_archive would not write: any kind that libarchive knows, any name, links and devices.
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include <filesystem>
#include <string>
#include <vector>

namespace monge::testing {

struct OddEntry {
  std::string name;
  std::string bytes = {};
  unsigned type = AE_IFREG;
  std::string target = {};  ///< of a symbolic link or, for AE_IFREG, of a hard link
};

/// @param format  one of "tar", "tar.gz", "tar.xz", "tar.zst", "tar.bz2", "zip" (deflated), "7z".
inline void write_odd_archive(const std::filesystem::path& path, const std::string& format,
                              const std::vector<OddEntry>& entries) {
  auto* writer = archive_write_new();
  if (format == "zip") archive_write_set_format_zip(writer);
  if (format == "7z") archive_write_set_format_7zip(writer);
  if (format.starts_with("tar")) archive_write_set_format_pax_restricted(writer);
  if (format == "tar.gz") archive_write_add_filter_gzip(writer);
  if (format == "tar.xz") archive_write_add_filter_xz(writer);
  if (format == "tar.zst") archive_write_add_filter_zstd(writer);
  if (format == "tar.bz2") archive_write_add_filter_bzip2(writer);
  archive_write_open_filename(writer, path.c_str());
  for (const auto& one : entries) {
    auto* entry = archive_entry_new();
    archive_entry_set_pathname(entry, one.name.c_str());
    archive_entry_set_filetype(entry, one.type);
    archive_entry_set_perm(entry, one.type == AE_IFDIR ? 0755 : 0644);
    archive_entry_set_size(entry,
                           one.type == AE_IFREG && one.target.empty() ? static_cast<int64_t>(one.bytes.size()) : 0);
    archive_entry_set_mtime(entry, 315'619'200, 0);
    if (one.type == AE_IFLNK) archive_entry_set_symlink(entry, one.target.c_str());
    if (one.type == AE_IFREG && !one.target.empty()) archive_entry_set_hardlink(entry, one.target.c_str());
    archive_write_header(writer, entry);
    archive_write_data(writer, one.bytes.data(), one.bytes.size());
    archive_entry_free(entry);
  }
  archive_write_close(writer);
  archive_write_free(writer);
}

}  // namespace monge::testing
