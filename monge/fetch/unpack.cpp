#include "monge/fetch/unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "monge/core/error.h"
#include "monge/core/mapped_file.h"
#include "monge/core/names.h"
#include "monge/core/nearest.h"
#include "monge/fetch/folder_writer.h"
#include "monge/io/archive_reader.h"
#include "monge/io/entry_names.h"
#include "monge/io/sha256.h"

namespace monge::fetch {
namespace {

namespace fs = std::filesystem;
using Parts = std::vector<std::string>;

constexpr size_t kBlock = 1 << 18;

bool has_control_characters(const std::string& name) {
  return std::any_of(name.begin(), name.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

/// File systems accept 255 bytes per part. A path has at most 4,096 bytes, which must include the folder.
bool too_long(const Parts& parts) {
  size_t length = 0;
  for (const auto& part : parts) {
    if (part.size() > 255) return true;
    length += part.size() + 1;
  }
  return length > 2000 || parts.size() > 100;
}

/// Compares an open file with an entry, block by block.
class SameBytes {
 public:
  explicit SameBytes(UniqueFd fd) : fd_(std::move(fd)) {}

  void take(std::string_view bytes) { same_ = same_ && next(bytes.size()) == bytes; }
  bool to_the_end() { return same_ && next(1).empty(); }

  /// The next bytes, fewer than `wanted` at the end. Valid until the next call.
  std::string_view next(size_t wanted) {
    block_.resize(wanted);
    size_t have = 0;
    while (have < wanted) {
      const ssize_t got = ::read(fd_.get(), block_.data() + have, wanted - have);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) break;
      have += static_cast<size_t>(got);
    }
    return {block_.data(), have};
  }

 private:
  UniqueFd fd_;
  bool same_ = true;
  std::vector<char> block_;
};

class Unpacker {
 public:
  /// @param folder  null: only the listing is computed.
  Unpacker(std::string shown, const fs::path* folder, const UnpackOptions& options)
      : shown_(std::move(shown)), options_(options), block_(kBlock) {
    if (folder) writer_.emplace(*folder);
  }

  Unpacked run(const fs::path& archive) {
    // Listing a zip seeks from entry to entry, and a large block at each entry would read the whole file.
    reader_ = io::open_archive(archive, writer_ ? kBlock : size_t{1} << 12);
    std::error_code ignored;
    if (fs::is_regular_file(archive, ignored)) mapped_.emplace(archive);
    names_.emplace(mapped_ ? mapped_->bytes() : std::string_view(), shown_);
    return unpack_all();
  }

  Unpacked run(const ByteReader& read) {
    reader_ = io::new_archive_reader();
    source_ = &read;
    source_block_.resize(kBlock);
    const int status = archive_read_open2(reader_.get(), this, nullptr, &Unpacker::give, nullptr, nullptr);
    if (status != ARCHIVE_OK) refuse();
    names_.emplace(std::string_view(), shown_);
    return unpack_all();
  }

 private:
  /// The read callback of libarchive. Exceptions must not pass through C; refuse() rethrows them.
  static la_ssize_t give(::archive* reader, void* self, const void** bytes) {
    auto& me = *static_cast<Unpacker*>(self);
    try {
      *bytes = me.source_block_.data();
      return static_cast<la_ssize_t>((*me.source_)(me.source_block_.data(), me.source_block_.size()));
    } catch (...) {
      me.failure_ = std::current_exception();
      archive_set_error(reader, EIO, "the bytes of the archive cannot be read");
      return -1;
    }
  }

  [[noreturn]] void refuse() {
    if (failure_) std::rethrow_exception(failure_);
    io::rethrow_input_failure(reader_);
    io::refuse_archive(shown_, reader_.get());
  }

  void report_progress() {
    if (options_.stop && *options_.stop) throw UnpackStopped{};
    if (options_.progress) options_.progress(io::archive_bytes_read(reader_));
  }

  Unpacked unpack_all() {
    for (int64_t seen = 0;; ++seen) {
      ::archive_entry* entry = nullptr;
      const int status = names_->next(reader_.get(), &entry);
      if (failure_ || (status != ARCHIVE_OK && status != ARCHIVE_WARN && status != ARCHIVE_EOF)) refuse();
      if (status == ARCHIVE_EOF) {
        io::finish_archive(reader_);
        if (mapped_) mapped_->require_whole();
        break;
      }
      if (seen >= options_.limits.most_entries) {
        throw InputError(text(shown_, ": more than ", options_.limits.most_entries,
                              " entries; the archive may be malicious, otherwise split it"));
      }
      report_progress();
      take(entry);
    }
    out_.is_zip = (archive_format(reader_.get()) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_ZIP;
    out_.listing = listing_.digest();
    if (out_.files == 0) {
      const auto left = out_.left_out_text();
      throw InputError(
          {.what = text("the archive holds no file", left.empty() ? "" : " that can be unpacked; left out: ", left),
           .where = shown_});
    }
    return out_;
  }

  void list(const std::string& name, int type, int64_t bytes) {
    listing_.update(text(type, ' ', bytes, ' ', name, '\n'));
  }

  void take(::archive_entry* entry) {
    const auto name = io::entry_name(entry);
    const auto type = archive_entry_filetype(entry);
    const auto target = io::hard_link_target(entry);
    const bool link = type == AE_IFLNK || !target.empty();
    auto parts = io::name_parts(name);
    if (link || type != AE_IFREG) list(name, link ? AE_IFLNK : static_cast<int>(type), 0);
    if (link && (target.empty() || !write_link(name, parts, io::name_parts(target)))) return count(out_.links, name);
    if (link) return;
    if (type != AE_IFREG && type != AE_IFDIR) return count(out_.special, name);
    const bool root = type == AE_IFDIR && parts.empty() && name.starts_with('.');  // "./", the first entry of many tars
    if (root) return;
    if (!make_safe(name, parts)) {
      if (type == AE_IFREG) list(name, AE_IFREG, -1);
      return count(out_.unsafe, name);
    }
    if (type == AE_IFDIR) {
      if (writer_ && !parts.empty()) in_archive([&] { writer_->make_folder(parts); });
      return;
    }
    if (parts.empty()) {
      list(name, AE_IFREG, -1);
      return count(out_.shallow, name);
    }
    if (archive_entry_is_encrypted(entry)) {
      throw InputError({.what = "an entry is encrypted", .where = shown_, .value = name, .fix = "unpack it by hand"});
    }
    const int64_t written = writer_ ? in_archive([&] { return write(name, parts, [&] { return next_block(); }); })
                                    : archive_entry_size(entry);
    list(name, AE_IFREG, written);
    if (!writer_) ++out_.files;
  }

  /// Removes the leading folders. @return whether a file of this name can be made.
  bool make_safe(const std::string& name, Parts& parts) const {
    if (!stays_inside(name) || parts.empty() || has_control_characters(name) || too_long(parts)) return false;
    const auto strip = static_cast<size_t>(options_.strip);
    parts.erase(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(std::min(strip, parts.size())));
    return parts.empty() || !parts[0].starts_with(kFetchMark);
  }

  /// Writes a hard link as a separate file with the bytes of the earlier entry. @return false if that was not unpacked.
  bool write_link(const std::string& name, Parts parts, Parts target) {
    const auto target_name = join(target, "/");
    if (!make_safe(name, parts) || parts.empty() || !make_safe(target_name, target) || target.empty() || !writer_)
      return false;
    auto fd = writer_->find_file(target);
    if (!fd) return false;
    SameBytes from(std::move(fd));
    in_archive([&] { return write(name, parts, [&] { return from.next(kBlock); }); });
    return true;
  }

  /// Adds the archive's name to errors of the writer, which knows only the entries.
  template <class Action>
  auto in_archive(Action&& action) -> decltype(action()) {
    try {
      return action();
    } catch (const InputError& error) {
      auto complaint = error.complaint();
      if (complaint.where == shown_) throw;
      complaint.where = shown_ + ": " + complaint.where;
      throw InputError(complaint);
    }
  }

  /// The next bytes of the archive's entry; empty at its end.
  std::string_view next_block() {
    const auto got = archive_read_data(reader_.get(), block_.data(), block_.size());
    if (got < 0) refuse();
    return {block_.data(), static_cast<size_t>(got)};
  }

  /// @param next  returns the bytes in pieces, an empty one at the end.
  /// @return the size.
  int64_t write(const std::string& name, const Parts& parts, const std::function<std::string_view()>& next) {
    auto file = writer_->make_file(parts);
    std::optional<SameBytes> earlier;
    if (!file) earlier.emplace(writer_->open_file(parts));
    int64_t size = 0;
    for (auto bytes = next(); !bytes.empty(); bytes = next()) {
      size += static_cast<int64_t>(bytes.size());
      if (size > options_.limits.most_entry_bytes || out_.bytes + size > options_.limits.most_bytes) {
        const bool one = size > options_.limits.most_entry_bytes;
        throw InputError({.what = text("the archive unpacks to more than ",
                                       one ? options_.limits.most_entry_bytes : options_.limits.most_bytes,
                                       one ? " bytes in one entry" : " bytes"),
                          .where = shown_,
                          .value = name,
                          .fix = "the archive may be malicious; if you trust it, unpack it by hand"});
      }
      if (earlier) {
        earlier->take(bytes);
      } else {
        keep_disk_free(static_cast<int64_t>(bytes.size()));
        file.append(bytes);
      }
      report_progress();
    }
    if (!earlier) {
      ++out_.files;
      out_.bytes += size;
    } else if (!earlier->to_the_end()) {
      throw InputError({.what = "two entries have the same name and different contents",
                        .where = shown_,
                        .value = name,
                        .fix = "unpack the archive by hand, choose one entry, and pack it again"});
    } else {
      count(out_.repetitions, name);
    }
    return size;
  }

  /// Checks the free space before the first byte and then every 16 MiB.
  void keep_disk_free(int64_t bytes) {
    bytes_since_check_ += bytes;
    if (bytes_since_check_ < int64_t{16} << 20) return;
    bytes_since_check_ = 0;
    const int64_t free = writer_->free_bytes();
    if (free >= 0 && free < options_.spare_bytes) {
      throw SystemError({.what = "the disk is nearly full",
                         .where = shown_,
                         .value = text(free, " bytes are free"),
                         .allowed = text("at least ", options_.spare_bytes),
                         .fix = "free some space and run the command again"});
    }
  }

  const std::string shown_;
  const UnpackOptions& options_;
  std::optional<MappedFile> mapped_;  ///< for names in a directory at the end of the file
  std::optional<io::EntryNames> names_;
  std::vector<char> block_, source_block_;
  const ByteReader* source_ = nullptr;
  std::exception_ptr failure_;
  std::optional<FolderWriter> writer_;
  io::ArchiveReader reader_;
  io::Sha256 listing_;
  Unpacked out_;
  int64_t bytes_since_check_ = int64_t{16} << 20;
};

}  // namespace

std::string Unpacked::left_out_text() const {
  std::string out;
  const auto add = [&](const io::LeftOut& kind, const char* one, const char* many) {
    if (kind.count == 0) return;
    out += text(out.empty() ? "" : ", ", kind.count, ' ', kind.count == 1 ? one : many, " (first: ", kind.first, ')');
  };
  add(links, "link", "links");
  add(special, "device or pipe", "devices or pipes");
  add(unsafe, "unsafe name", "unsafe names");
  add(shallow, "name without the folders to strip", "names without the folders to strip");
  add(repetitions, "repetition of an earlier entry", "repetitions of earlier entries");
  return out;
}

Unpacked unpack(const fs::path& archive, const fs::path& folder, const UnpackOptions& options) {
  return Unpacker(archive.string(), &folder, options).run(archive);
}

Unpacked unpack(const ByteReader& read, const std::string& shown, const fs::path& folder,
                const UnpackOptions& options) {
  return Unpacker(shown, &folder, options).run(read);
}

std::string listing_of(const fs::path& archive, const UnpackOptions& options) {
  return Unpacker(archive.string(), nullptr, options).run(archive).listing;
}

}  // namespace monge::fetch
