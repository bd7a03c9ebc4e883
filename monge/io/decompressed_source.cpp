#include "monge/io/decompressed_source.h"

#include <archive.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <new>
#include <string>
#include <vector>

#include "monge/core/error.h"
#include "monge/io/archive_reader.h"

namespace monge::io {
namespace {

namespace fs = std::filesystem;

/// gzip by zlib, which compares the checksum and the length of each member.
class GzipSource : public DecompressedSource {
 public:
  GzipSource(const fs::path& path, size_t block) : path_(path), file_(gzopen(path.c_str(), "rb"), gzclose) {
    if (!file_) throw SystemError(text(path.string(), ": cannot be opened: ", std::strerror(errno)));
    gzbuffer(file_.get(), static_cast<unsigned>(block));
    out_.resize(block);
  }

  std::string_view next() override {
    const int count = gzread(file_.get(), out_.data(), static_cast<unsigned>(out_.size()));
    int fault = Z_OK;
    const char* reason = gzerror(file_.get(), &fault);
    if (fault == Z_ERRNO) throw SystemError(text(path_.string(), ": cannot be read: ", std::strerror(errno)));
    // zlib reports a truncated file by Z_BUF_ERROR at its end.
    if (count < 0 || (fault != Z_OK && fault != Z_STREAM_END)) {
      std::string why = fault == Z_BUF_ERROR ? "truncated gzip input" : reason;
      if (const auto path = path_.string() + ": "; why.starts_with(path)) why.erase(0, path.size());
      throw UnreadableArchive(
          {.what = text("the archive cannot be read: its gzip data are damaged or cut short (", why, ")"),
           .where = path_.string(),
           .fix = "copy or download it again"});
    }
    return {out_.data(), static_cast<size_t>(count)};
  }

  int64_t bytes_read() const override { return gzoffset(file_.get()); }

 private:
  fs::path path_;
  std::unique_ptr<gzFile_s, decltype(&gzclose)> file_;
  std::vector<char> out_;
};

/// bzip2, xz and zstd by libarchive, as a file of no format.
class FilteredSource : public DecompressedSource {
 public:
  FilteredSource(const fs::path& path, size_t block) : path_(path), reader_(archive_read_new()) {
    if (!reader_) throw std::bad_alloc();
    archive_read_support_format_raw(reader_.get());
    archive_read_support_filter_bzip2(reader_.get());
    archive_read_support_filter_xz(reader_.get());
    archive_read_support_filter_zstd(reader_.get());
    ::archive_entry* entry = nullptr;
    if (archive_read_open_filename(reader_.get(), path.c_str(), block) != ARCHIVE_OK ||
        archive_read_next_header(reader_.get(), &entry) < ARCHIVE_WARN)
      refuse_archive(path_.string(), reader_.get());
  }

  std::string_view next() override {
    const void* bytes = nullptr;
    size_t size = 0;
    la_int64_t offset = 0;
    const int status = archive_read_data_block(reader_.get(), &bytes, &size, &offset);
    if (status == ARCHIVE_EOF) return {};
    if (status < ARCHIVE_WARN) refuse_archive(path_.string(), reader_.get());
    return {static_cast<const char*>(bytes), size};
  }

  int64_t bytes_read() const override { return archive_filter_bytes(reader_.get(), -1); }

 private:
  fs::path path_;
  ArchiveReader reader_;
};

}  // namespace

void DecompressedSource::read_to_end(const fs::path& path) {
  constexpr size_t kMostPadding = size_t{1} << 28;
  size_t left = 0;
  for (auto bytes = next(); !bytes.empty(); bytes = next()) {
    left += bytes.size();
    require(left <= kMostPadding, path.string(),
            ": much data follow the end marker of the archive: it is damaged, or several archives were concatenated; ",
            "copy it again, or unpack them");
  }
}

std::unique_ptr<DecompressedSource> open_decompressed(const fs::path& path, size_t block) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) return nullptr;  // the first bytes of a pipe cannot be read twice
  block = std::max(block, size_t{1} << 16);
  std::array<char, 6> first{};
  std::ifstream file(path, std::ios::binary);
  file.read(first.data(), first.size());
  const std::string_view magic(first.data(), static_cast<size_t>(file.gcount()));
  if (magic.starts_with("\x1f\x8b")) return std::make_unique<GzipSource>(path, block);
  const bool other = magic.starts_with("BZh") ||
                     magic == std::string_view(
                                  "\xfd"
                                  "7zXZ\0",
                                  6) ||
                     magic.starts_with("\x28\xb5\x2f\xfd");
  return other ? std::make_unique<FilteredSource>(path, block) : nullptr;
}

}  // namespace monge::io
