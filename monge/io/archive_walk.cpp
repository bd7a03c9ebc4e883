#include "monge/io/archive_walk.h"

#include <new>

#include "monge/core/error.h"

namespace monge::io {

ArchiveReader new_archive_reader() {
  ArchiveReader reader(archive_read_new(), archive_read_free);
  if (!reader) throw std::bad_alloc();
  archive_read_support_format_tar(reader.get());
  archive_read_support_format_zip(reader.get());
  archive_read_support_format_7zip(reader.get());
  archive_read_support_filter_gzip(reader.get());
  archive_read_support_filter_bzip2(reader.get());
  archive_read_support_filter_xz(reader.get());
  archive_read_support_filter_zstd(reader.get());
  return reader;
}

std::string entry_name(::archive_entry* entry) {
  // In the locale "C" libarchive cannot give a Unicode name as plain characters, but as UTF-8 it can.
  if (const char* plain = archive_entry_pathname(entry)) return plain;
  if (const char* utf8 = archive_entry_pathname_utf8(entry)) return utf8;
  return {};
}

bool is_plain_entry(::archive_entry* entry) {
  return archive_entry_filetype(entry) == AE_IFREG && !archive_entry_hardlink(entry);
}

void refuse_archive(const std::filesystem::path& path, ::archive* archive) {
  const char* reason = archive_error_string(archive);
  throw Error(Complaint{.what = text("the archive cannot be read: ", reason ? reason : "unknown damage"),
                        .where = path.string(),
                        .fix = "check that it was copied whole and is a tar, zip or 7z archive"});
}

void refuse_double(const std::filesystem::path& path, const std::string& name) {
  throw Error(Complaint{.what = "two entries have one name and different content",
                        .where = path.string(),
                        .value = name,
                        .fix = "make the archive anew with each file once"});
}

}  // namespace monge::io
