#include "monge/io/archive.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include "monge/core/error.h"
#include "monge/core/mapped_file.h"
#include "monge/core/names.h"
#include "monge/core/nearest.h"
#include "monge/io/archive_reader.h"
#include "monge/io/entry_list.h"
#include "monge/io/entry_names.h"
#include "monge/io/tar_writer.h"
#include "monge/io/zip_writer.h"

namespace monge::io {
namespace {

namespace fs = std::filesystem;

constexpr std::array kReadable = {".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst", ".7z"};

bool ends_with(const fs::path& path, std::string_view extension) {
  auto name = path.filename().string();
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return name.ends_with(extension);
}

using LibarchiveWriter = std::unique_ptr<::archive, decltype(&archive_write_free)>;
using Entry = std::unique_ptr<::archive_entry, decltype(&archive_entry_free)>;

[[noreturn]] void refuse_too_many_bytes(const fs::path& path, const std::string& name, int64_t most) {
  throw InputError(text(path.string(), ": with the entry ", name, " it unpacks to more than the ", most,
                        " bytes of memory that it may take; unpack it to a folder, unless it is malicious"));
}

/// @param claimed  the size that the entry states, 0 or less if it states none.
/// @param left     bytes that may still be unpacked of the archive.
std::string read_entry(const fs::path& path, const ArchiveReader& archive, const std::string& name, int64_t claimed,
                       int64_t left, const ArchiveLimits& limits) {
  const int64_t most_bytes = std::min(left, limits.most_entry_bytes);
  std::string out;
  // Else it takes twice its size while it grows. Memory that is never written to is not taken.
  out.reserve(static_cast<size_t>(std::clamp<int64_t>(claimed, 0, most_bytes)));
  std::array<char, 1 << 16> block;
  for (;;) {
    const auto count = archive_read_data(archive.get(), block.data(), block.size());
    if (count < 0) rethrow_input_failure(archive);
    if (count < 0) refuse_archive(text(path.string(), ", entry ", shown(name)), archive.get());
    if (count == 0) return out;
    const int64_t bytes = static_cast<int64_t>(out.size()) + count;
    require(bytes <= limits.most_entry_bytes, path.string(), ": the entry ", name, " unpacks to more than ",
            limits.most_entry_bytes, " bytes, the limit for one entry; leave it out, unless it is malicious");
    if (bytes > left) refuse_too_many_bytes(path, name, limits.most_bytes);
    out.append(block.data(), static_cast<size_t>(count));
  }
}

}  // namespace

bool has_archive_extension(const fs::path& path) {
  return std::any_of(kReadable.begin(), kReadable.end(), [&](const char* known) { return ends_with(path, known); });
}

namespace {

/// Collects entries in memory.
class TakenEntries {
 public:
  /// @param left  bytes that they may take of the limit `most`.
  TakenEntries(const fs::path& path, int64_t most, int64_t left) : path_(path), most_(most), left_(left) {}

  const EntryList<ArchiveEntry>& list() const { return list_; }
  int64_t left() const { return left_; }
  EntryList<ArchiveEntry> take() { return std::move(list_); }

  /// @throws InputError beyond the limit, or when an earlier entry of this name has different bytes.
  void add(ArchiveEntry entry, ArchiveReport& report) {
    if (const auto* first = list_.find(entry.name)) {
      if (first->bytes != entry.bytes) refuse_duplicate(path_, entry.name);
      return count(report.repetitions, entry.name);
    }
    left_ -= static_cast<int64_t>(entry.bytes.size());
    if (left_ < 0) refuse_too_many_bytes(path_, entry.name, most_);
    list_.add(std::move(entry));
  }

 private:
  const fs::path& path_;
  int64_t most_, left_;
  EntryList<ArchiveEntry> list_;
};

/// @param links  receives the hard links to entries that were not taken.
void read_entries(const fs::path& path, const std::function<bool(const std::string&)>& wanted,
                  const ArchiveLimits& limits, ArchiveReport& report, TakenEntries& taken,
                  std::vector<UnresolvedLink>& links) {
  const auto reader = open_archive(path);
  std::error_code ignored;
  std::optional<MappedFile> mapped;  // for names in a directory at the end
  if (fs::is_regular_file(path, ignored)) mapped.emplace(path);
  EntryNames names(mapped ? mapped->bytes() : std::string_view(), path.string());
  for (int64_t seen = 0;; ++seen) {
    ::archive_entry* entry = nullptr;
    const int status = names.next(reader.get(), &entry);
    rethrow_input_failure(reader);
    if (status == ARCHIVE_EOF) {
      finish_archive(reader);
      if (mapped) mapped->require_whole();
      return;
    }
    if (status != ARCHIVE_OK && status != ARCHIVE_WARN) refuse_archive(path.string(), reader.get());
    require(seen < limits.most_entries, path.string(), ": more than ", limits.most_entries,
            " entries; split the archive");
    const auto name = entry_name(entry);
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
    if (target.empty()) {
      require(!archive_entry_is_encrypted(entry), path.string(), ": the entry ", name,
              " is encrypted; unpack it first");
      taken.add({name, read_entry(path, reader, name, archive_entry_size(entry), taken.left(), limits)}, report);
    } else if (const auto* linked = taken.list().find(target)) {
      taken.add({name, linked->bytes}, report);
    } else {
      links.push_back({name, target});
    }
  }
}

}  // namespace

std::vector<ArchiveEntry> read_archive(const fs::path& path, const std::function<bool(const std::string&)>& wanted,
                                       const ArchiveLimits& limits, ArchiveReport* report) {
  ArchiveReport own;
  TakenEntries taken(path, limits.most_bytes, limits.most_bytes);
  std::vector<UnresolvedLink> links;
  read_entries(path, wanted, limits, own, taken, links);
  const auto read_targets = [&](const auto& is_target) {
    ArchiveReport known;
    TakenEntries targets(path, limits.most_bytes, taken.left());  // beside what was taken
    std::vector<UnresolvedLink> further;
    read_entries(path, is_target, limits, known, targets, further);
    return targets.take();
  };
  resolve_links(
      links, read_targets,
      [&](const UnresolvedLink& link, const ArchiveEntry& entry) { taken.add({link.name, entry.bytes}, own); }, own);
  if (report) *report = std::move(own);
  return taken.take().take();
}

struct ArchiveWriter::State {
  State(const fs::path& to, const Files& files) : path(to), part(to, files), gzip(nullptr, archive_write_free) {}
  ~State() {
    // Freeing it closes the archive, and take() drops its end. After archive_write_fail() it would leak the compressor.
    abandoned = true;
    gzip.reset();
  }

  void need(la_ssize_t status) {
    if (failure) std::rethrow_exception(failure);
    if (status >= ARCHIVE_WARN) return;
    const char* reason = archive_error_string(gzip.get());
    throw SystemError(text(path.string(), ": cannot write the archive: ", reason ? reason : "unknown reason"));
  }

  /// The callback of libarchive. Exceptions must not pass through C code; need() rethrows them.
  static la_ssize_t take(::archive* handle, void* self, const void* from, size_t count) {
    auto& state = *static_cast<State*>(self);
    if (state.abandoned) return static_cast<la_ssize_t>(count);
    try {
      state.part.append({static_cast<const char*>(from), count});
    } catch (...) {
      state.failure = std::current_exception();
      archive_set_error(handle, EIO, "the block cannot be written");
      return -1;
    }
    return static_cast<la_ssize_t>(count);
  }

  /// From this call on, append() compresses.
  void begin_gzip() {
    gzip.reset(archive_write_new());
    if (!gzip) throw std::bad_alloc();
    auto* handle = gzip.get();
    need(archive_write_set_format_raw(handle));
    need(archive_write_add_filter_gzip(handle));
    need(archive_write_set_filter_option(handle, "gzip", "timestamp", nullptr));
    need(archive_write_set_bytes_in_last_block(handle, 1));
    need(archive_write_open(handle, this, nullptr, take, nullptr));
    const Entry whole(archive_entry_new(), archive_entry_free);
    if (!whole) throw std::bad_alloc();
    archive_entry_set_filetype(whole.get(), AE_IFREG);
    need(archive_write_header(handle, whole.get()));
  }

  void append(std::string_view bytes) {
    if (!gzip) return part.append(bytes);
    need(archive_write_data(gzip.get(), bytes.data(), bytes.size()));
  }

  fs::path path;
  PartFile part;
  /// One of the two is set. libarchive would mark names as UTF-8 only in a UTF-8 locale.
  std::optional<ZipWriter> zip;
  std::optional<TarWriter> tar;
  LibarchiveWriter gzip;
  std::exception_ptr failure;
  bool abandoned = false;
};

ArchiveWriter::ArchiveWriter(const fs::path& path, const Files& files) {
  const bool zip = ends_with(path, ".zip"), packed = ends_with(path, ".tar.gz") || ends_with(path, ".tgz");
  if (!zip && !packed && !ends_with(path, ".tar")) {
    throw InputError({.what = "cannot write an archive of this kind",
                      .where = path.string(),
                      .value = '"' + path.extension().string() + '"',
                      .allowed = ".zip, .tar, .tar.gz, .tgz",
                      .fix = "name the archive .zip"});
  }
  state_ = std::make_unique<State>(path, files);
  if (packed) state_->begin_gzip();
  const auto sink = [state = state_.get()](std::string_view bytes) { state->append(bytes); };
  if (zip) {
    state_->zip.emplace(sink);
  } else {
    state_->tar.emplace(sink);
  }
}

ArchiveWriter::~ArchiveWriter() = default;

void ArchiveWriter::add(const std::string& name, std::string_view bytes) {
  if (!stays_inside(name)) {
    throw InputError(
        text(state_->path.string(), ": the entry name \"", name, "\" is empty, is absolute or contains \"..\""));
  }
  state_->zip ? state_->zip->add(name, bytes) : state_->tar->add(name, bytes);
}

void ArchiveWriter::finish() {
  state_->zip ? state_->zip->finish() : state_->tar->finish();
  if (state_->gzip) {
    state_->need(archive_write_close(state_->gzip.get()));
  }
  state_->part.publish();
}

void write_archive(const fs::path& path, const std::vector<ArchiveEntry>& entries, const Files& files) {
  ArchiveWriter writer(path, files);
  for (const auto& entry : entries) writer.add(entry.name, entry.bytes);
  writer.finish();
}

}  // namespace monge::io
