#include "monge/io/archive_reader.h"

#include <archive.h>
#include <archive_entry.h>

#include <cerrno>
#include <exception>
#include <new>
#include <sstream>
#include <utility>

#include "monge/core/file_name.h"
#include "monge/core/names.h"
#include "monge/core/nearest.h"
#include "monge/io/decompressed_source.h"

namespace monge::io {

namespace fs = std::filesystem;

struct ArchiveInput {
  fs::path path;
  std::unique_ptr<DecompressedSource> source;
  std::exception_ptr failure = {};

  /// The read callback of libarchive. Exceptions must not pass through C; rethrow_input_failure() rethrows them.
  static la_ssize_t give(::archive* reader, void* self, const void** bytes) {
    auto& me = *static_cast<ArchiveInput*>(self);
    try {
      const auto block = me.source->next();
      *bytes = block.data();
      return static_cast<la_ssize_t>(block.size());
    } catch (...) {
      me.failure = std::current_exception();
      archive_set_error(reader, EIO, "the bytes of the archive cannot be read");
      return -1;
    }
  }
};

void FreeArchiveReader::operator()(::archive* reader) const { archive_read_free(reader); }

ArchiveReader new_archive_reader() {
  ArchiveReader reader(archive_read_new());
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

ArchiveReader open_archive(const fs::path& path, size_t block) {
  std::error_code ignored;
  require(fs::exists(path, ignored), path.string(), ": no such file");
  require(!fs::is_directory(path, ignored), path.string(), ": is a folder, an archive was expected");
  if (fs::is_regular_file(path, ignored) && fs::file_size(path, ignored) == 0) {
    throw UnreadableArchive(text(path.string(), ": the archive is empty (0 bytes)"));
  }
  auto reader = new_archive_reader();
  if (auto source = open_decompressed(path, block)) {
    auto input = std::make_shared<ArchiveInput>(ArchiveInput{.path = path, .source = std::move(source)});
    auto* given = input.get();
    reader.get_deleter().input = std::move(input);
    const int status = archive_read_open2(reader.get(), given, nullptr, &ArchiveInput::give, nullptr, nullptr);
    rethrow_input_failure(reader);
    if (status != ARCHIVE_OK) refuse_archive(path.string(), reader.get());
    return reader;
  }
  if (archive_read_open_filename(reader.get(), path.c_str(), block) != ARCHIVE_OK)
    refuse_archive(path.string(), reader.get());
  return reader;
}

void finish_archive(const ArchiveReader& reader) {
  if (const auto& input = reader.get_deleter().input) input->source->read_to_end(input->path);
}

void rethrow_input_failure(const ArchiveReader& reader) {
  const auto& input = reader.get_deleter().input;
  if (input && input->failure) std::rethrow_exception(input->failure);
}

int64_t archive_bytes_read(const ArchiveReader& reader) {
  const auto& input = reader.get_deleter().input;
  return input ? input->source->bytes_read() : archive_filter_bytes(reader.get(), -1);
}

void refuse_archive(const std::string& shown, ::archive* reader) {
  const char* given = archive_error_string(reader);
  std::string reason = given ? given : "unknown damage";
  while (reason.ends_with('\n')) reason.pop_back();  // some have one
  throw UnreadableArchive({.what = "the archive cannot be read: " + reason,
                           .where = shown,
                           .fix = "check that it was copied completely and is a tar, zip or 7z archive"});
}

std::string entry_name(::archive_entry* entry) {
  const char* name = archive_entry_pathname(entry);
  return name ? name : "";
}

std::string hard_link_target(::archive_entry* entry) {
  const char* target = archive_entry_hardlink(entry);
  // In pax a hard link may carry a copy of the bytes.
  const bool own_bytes = archive_entry_size_is_set(entry) && archive_entry_size(entry) > 0;
  return target && !own_bytes ? target : "";
}

bool is_plain_entry(::archive_entry* entry) {
  return archive_entry_filetype(entry) == AE_IFREG && hard_link_target(entry).empty();
}

void count(LeftOut& kind, const std::string& name) {
  if (kind.count++ == 0) kind.first = printable(shortened(name, 200)) + (name.size() > 200 ? "..." : "");
}

void count_special_entry(::archive_entry* entry, const std::string& name, ArchiveReport& report) {
  const auto type = archive_entry_filetype(entry);
  if (type == AE_IFLNK) count(report.links, name);
  if (type != AE_IFLNK && type != AE_IFDIR && type != AE_IFREG) count(report.special, name);
}

void refuse_duplicate(const fs::path& path, const std::string& name) {
  throw InputError({.what = "two entries have the same name and different contents",
                    .where = path.string(),
                    .value = name,
                    .fix = "unpack the archive by hand, choose one entry, and pack it again"});
}

std::vector<std::string> name_parts(const std::string& name) {
  std::vector<std::string> out;
  std::istringstream parts(name);
  for (std::string part; std::getline(parts, part, '/');) {
    if (!part.empty() && part != ".") out.push_back(part);
  }
  return out;
}

std::string plain_name(const std::string& name) { return join(name_parts(name), "/"); }

}  // namespace monge::io
