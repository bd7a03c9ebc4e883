#include "monge/fetch/fetch.h"

#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <exception>
#include <optional>
#include <utility>

#include "monge/core/error.h"
#include "monge/core/file_changes.h"
#include "monge/core/file_lock.h"
#include "monge/core/files.h"
#include "monge/core/user_words.h"
#include "monge/fetch/folder_writer.h"
#include "monge/fetch/merge_folder.h"
#include "monge/fetch/unpack_while_growing.h"
#include "monge/io/archive.h"
#include "monge/io/archive_reader.h"
#include "monge/io/sha256.h"

namespace monge::fetch {
namespace {

namespace fs = std::filesystem;

/// Locks a folder for one process. The folder itself carries the lock, so no lock file remains.
FileLock lock_folder(const fs::path& folder) {
  return FileLock::take(folder, FileLock::On::folder,
                        {.what = "another process is fetching into this folder",
                         .where = folder.string(),
                         .fix = "wait for it to end, or stop it with Ctrl-C"});
}

std::string percent_decoded(const std::string& word) {
  std::string out;
  for (size_t i = 0; i < word.size(); ++i) {
    const bool coded = word[i] == '%' && i + 2 < word.size() &&
                       std::isxdigit(static_cast<unsigned char>(word[i + 1])) &&
                       std::isxdigit(static_cast<unsigned char>(word[i + 2]));
    out += coded ? static_cast<char>(std::stoi(word.substr(i + 1, 2), nullptr, 16)) : word[i];
    if (coded) i += 2;
  }
  return out;
}

/// Whether the name is valid for a file at the top of the folder.
bool is_file_name(const std::string& name) {
  const bool control = std::any_of(name.begin(), name.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  return !name.empty() && name != "." && name != ".." && name.find('/') == name.npos && !control &&
         name.size() <= 200 && !name.starts_with(kFetchMark);
}

/// One fetch of one address.
class Fetch {
 public:
  Fetch(const std::string& url, const fs::path& folder, const FetchOptions& options)
      : url_(url),
        shown_(without_credentials(url)),
        name_(options.name.empty() ? file_name_of(url) : options.name),
        folder_(folder),
        work_(folder / kFetchMark),
        // The hash is that of the address, since two servers may both have a data.zip.
        archive_(work_ / (content_hash(shown_) + "-" + name_)),
        staging_(archive_.string() + ".unpacked"),
        options_(options),
        unpacks_(options.unpack && io::has_archive_extension(name_)),
        source_(archive_) {}

  /// Removes our folder if it is empty.
  ~Fetch() {
    std::error_code ignored;
    if (fs::is_empty(work_, ignored)) remove_entry(work_, ignored);
  }
  Fetch(const Fetch&) = delete;
  Fetch& operator=(const Fetch&) = delete;

  Fetched run(FetchRecord& record) {
    if (auto known = known_by(record)) {
      remove_leftovers();
      return *known;
    }
    make_folders(work_);
    for (const auto& entry : fs::directory_iterator(work_)) {  // left by calls that were killed
      if (entry.path().extension() == ".unpacked" && entry.is_directory()) remove_tree(entry.path());
    }
    try {
      if (!unpacks_) {
        if (auto there = plain_file_there(record)) return *there;
      }
      return fetched(record);
    } catch (const UnpackStopped&) {
      return stopped(bytes_here());
    } catch (...) {
      std::error_code ignored;
      remove_tree(staging_, ignored);
      throw;
    }
  }

 private:
  FetchedFile facts(const std::string& sha256, int64_t bytes) const {
    return {.url = shown_,
            .file = name_,
            .sha256 = sha256,
            .bytes = bytes,
            .unpacked = unpacks_,
            .kept = !unpacks_ || options_.keep,
            .strip = unpacks_ ? options_.unpacking.strip : 0};
  }

  /// The SHA-256 of a file, which takes minutes for large files.
  std::string hash_of(const fs::path& path) const {
    return io::sha256_of_file(path, [this](int64_t, int64_t) {
      if (options_.stop && *options_.stop) throw UnpackStopped{};
    });
  }

  /// Removes what only an unfinished fetch needs; also that of a call which was killed after it had recorded the file.
  void remove_leftovers() const {
    std::error_code ignored;
    for (const char* ending : {"", ".part", ".part.from"}) remove_entry(archive_.string() + ending, ignored);
    remove_tree(staging_, ignored);
  }

  fs::path result() const { return unpacks_ ? folder_ : folder_ / name_; }

  std::optional<Fetched> known_by(const FetchRecord& record) const {
    const auto* known = record.find(shown_, name_);
    if (!known) return {};
    if (!options_.sha256.empty() && options_.sha256 != known->sha256) {
      throw InputError({.what = "this folder already holds a file from this address with another SHA-256",
                        .where = record.path().string(),
                        .value = known->sha256,
                        .allowed = options_.sha256,
                        .fix = "fetch into another folder"});
    }
    if (known->unpacked != unpacks_ || known->strip != facts("", 0).strip || (options_.keep && !known->kept)) return {};
    for (const auto& name : known->holds) {
      std::error_code ignored;
      if (!fs::exists(fs::symlink_status(folder_ / name, ignored))) {
        options_.log(LogLevel::info, text((folder_ / name).string(), " was fetched before and is missing; fetching ",
                                          shown_, " again"));
        return {};
      }
    }
    std::error_code failure;
    if (!unpacks_ && fs::file_size(folder_ / name_, failure) != static_cast<uintmax_t>(known->bytes)) {
      throw InputError({.what = "the file was changed after it was fetched, and is not overwritten",
                        .where = (folder_ / name_).string(),
                        .fix = "move it away and run the command again"});
    }
    return Fetched{.state = Fetched::there, .path = result(), .file = *known};
  }

  /// A plain file that the user put there needs no network if its hash is known.
  std::optional<Fetched> plain_file_there(FetchRecord& record) const {
    const auto place = folder_ / name_;
    std::error_code ignored;
    if (options_.sha256.empty() || !fs::is_regular_file(fs::symlink_status(place, ignored))) return {};
    const auto digest = hash_of(place);
    if (digest != options_.sha256) {
      throw InputError({.what = "a file with another SHA-256 already exists, and it is not overwritten",
                        .where = place.string(),
                        .value = digest,
                        .allowed = options_.sha256,
                        .fix = "move it away, or choose another folder"});
    }
    auto file = facts(digest, static_cast<int64_t>(fs::file_size(place)));
    file.holds = {name_};
    record.put(file);
    return Fetched{.state = Fetched::there, .path = place, .file = file};
  }

  /// An archive that is complete already: left by a call that ended while it unpacked, or kept in the folder by an
  /// earlier call.
  std::optional<Download> local_archive(const FetchRecord& record) {
    std::error_code ignored;
    const auto* known = record.find(shown_, name_);
    const auto kept = folder_ / name_;
    if (unpacks_ && known && known->kept && fs::is_regular_file(fs::symlink_status(kept, ignored)) &&
        hash_of(kept) == known->sha256) {
      source_ = kept;
      return Download{.complete = true, .bytes = known->bytes, .sha256 = known->sha256};
    }
    if (!fs::is_regular_file(fs::symlink_status(archive_, ignored))) return {};
    const auto digest = hash_of(archive_);
    if (!options_.sha256.empty() && digest != options_.sha256) {
      remove_entry(archive_);
      return {};
    }
    return Download{.complete = true, .bytes = static_cast<int64_t>(fs::file_size(archive_)), .sha256 = digest};
  }

  /// Downloads the archive, and unpacks it during the download if possible.
  Download download_archive(std::optional<Unpacked>& unpacked) {
    auto options = options_.download;
    options.sha256 = options_.sha256;
    options.stop = options_.stop;
    auto part = archive_;
    part += ".part";
    std::optional<UnpackWhileGrowing> unpacker;
    if (unpacks_) unpacker.emplace(part, staging_, shown_, unpacking());
    options.progress = [&](int64_t done, int64_t total) {
      if (unpacker) unpacker->now_holds(done);
      if (options_.downloading) options_.downloading(done, total);
    };
    const auto got = download(url_, archive_, options);
    if (got.complete && unpacker) unpacked = unpacker->finish(got.sha256);
    return got;
  }

  UnpackOptions unpacking() const {
    auto out = options_.unpacking;
    out.stop = options_.stop;
    return out;
  }

  Unpacked unpack_file(int64_t bytes) const {
    remove_tree(staging_);
    make_folders(staging_);
    auto options = unpacking();
    if (options_.unpacking_progress) {
      options.progress = [&](int64_t done) { options_.unpacking_progress(std::min(done, bytes), bytes); };
    }
    try {
      auto out = unpack(source_, staging_, options);
      if (options_.unpacking_progress) options_.unpacking_progress(bytes, bytes);
      return out;
    } catch (const io::UnreadableArchive& error) {
      // It may be a page that asks for a login, for example. If it were kept, every further call would take it for the
      // archive.
      if (source_ == archive_ && options_.sha256.empty()) remove_entry(archive_);
      auto complaint = error.complaint();
      complaint.where = shown_;
      complaint.fix = "check the address: it serves no tar, zip or 7z archive, or a damaged one";
      throw io::UnreadableArchive(complaint);
    } catch (const InputError& error) {
      auto complaint = error.complaint();
      complaint.fix += text(complaint.fix.empty() ? "" : "; ", "the archive is kept as ", source_.string(),
                            "; remove it to fetch it again");
      throw InputError(complaint);
    }
  }

  /// Whether the complete archive holds what was unpacked while it grew.
  bool is_confirmed(const Unpacked& unpacked) const {
    // The directory at a zip's end is authoritative: it knows links, and entries that were deleted or inserted.
    // In other archives the listing compares the checksums of the compression, which the unpacking of one that grows
    // does not; a known SHA-256 has shown as much.
    if (!unpacked.is_zip && !options_.sha256.empty()) return true;
    try {
      return listing_of(source_, unpacking()) == unpacked.listing;
    } catch (const InputError&) {
      return false;  // unpacking the complete file says why
    }
  }

  int64_t bytes_here() const {
    auto part = source_;
    part += ".part";
    std::error_code none;
    for (const auto& path : {source_, part}) {
      if (fs::is_regular_file(path, none)) return static_cast<int64_t>(fs::file_size(path));
    }
    return 0;
  }

  Fetched stopped(int64_t bytes) const {
    remove_tree(staging_);
    return {.state = Fetched::stopped, .path = result(), .file = facts("", bytes)};
  }

  Fetched fetched(FetchRecord& record) {
    std::optional<Unpacked> unpacked;
    auto got = local_archive(record);
    if (!got) got = download_archive(unpacked);
    if (!got->complete) throw UnpackStopped{};
    auto file = facts(got->sha256, got->bytes);
    if (unpacks_) {
      if (unpacked && !is_confirmed(*unpacked)) unpacked.reset();
      if (!unpacked) unpacked = unpack_file(got->bytes);
      file.entries = unpacked->files, file.unpacked_bytes = unpacked->bytes;
      file.left_out = unpacked->left_out(), file.duplicates = unpacked->repetitions.count;
      if (const auto left = unpacked->left_out_text(); !left.empty()) {
        options_.log(file.left_out > 0 ? LogLevel::warning : LogLevel::info, text(name_, ": not unpacked: ", left));
      }
      put_unpacked(file);
    } else {
      file.holds = {name_};
    }
    // Synced before the archive is moved from the place where the next call would find it.
    sync_file_system(folder_);
    if (file.kept && source_ == archive_) place_file(archive_, folder_ / name_);
    record.put(file);
    remove_leftovers();
    return {.state = Fetched::fetched, .path = result(), .file = file};
  }

  void put_unpacked(FetchedFile& file) {
    if (source_ != archive_) file.kept = true;  // it is in the folder already
    if (file.kept && source_ == archive_) check_place(archive_, folder_ / name_);
    for (const auto& entry : fs::directory_iterator(staging_)) {
      const auto name = entry.path().filename().string();
      if (file.kept && name == name_) {
        throw InputError({.what = "an entry has the same name as the archive, so the archive cannot be kept beside it",
                          .where = shown_,
                          .value = name,
                          .fix = text("leave out ", user_word("FetchOptions::keep"), ", or give another ",
                                      user_word("FetchOptions::name"))});
      }
      if (file.holds.size() < 100) file.holds.push_back(name);
    }
    std::sort(file.holds.begin(), file.holds.end());
    sync_file_system(staging_);  // content before names, so that a power cut leaves no empty files
    merge_folder(staging_, folder_);
    if (file.kept) file.holds.push_back(name_);
  }

  const std::string url_, shown_, name_;
  const fs::path folder_, work_, archive_, staging_;
  const FetchOptions& options_;
  const bool unpacks_;
  fs::path source_;  ///< the archive that is unpacked: archive_, or one in the folder
};

}  // namespace

std::string file_name_of(const std::string& url) {
  const auto scheme_end = url.find("://");
  auto scheme = url.substr(0, scheme_end == url.npos ? 0 : scheme_end);
  for (char& c : scheme) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (scheme != "http" && scheme != "https") {
    throw InputError(
        {.what = "this address cannot be fetched", .value = without_credentials(url), .allowed = "http://, https://"});
  }
  const auto end = std::min(url.find_first_of("?#", scheme_end + 3), url.size());
  const auto path = url.find('/', scheme_end + 3), slash = url.rfind('/', end);
  const auto name = path >= end || slash + 1 >= end ? "" : percent_decoded(url.substr(slash + 1, end - slash - 1));
  if (is_file_name(name)) return name;
  throw InputError({.what = "the address does not end with a file name",
                    .value = without_credentials(url),
                    .fix = text("give the file a name with ", user_word("FetchOptions::name"), ", such as ",
                                user_word("FetchOptions::name"), " faces.zip")});
}

Fetched fetch(const std::string& url, const fs::path& folder, const FetchOptions& options) {
  if (!options.name.empty() && !is_file_name(options.name)) {
    throw InputError({.what = "a file cannot have this name",
                      .where = user_word("FetchOptions::name"),
                      .value = options.name,
                      .allowed = text("one name without /, at most 200 bytes, not beginning with ", kFetchMark)});
  }
  std::error_code ignored;
  const bool new_folder = !fs::exists(folder, ignored);
  make_writable_folder(folder);
  const auto remove_if_new = [&] {
    if (new_folder && fs::is_empty(folder, ignored)) remove_entry(folder, ignored);
  };
  try {
    const FileLock lock = lock_folder(folder);
    FetchRecord record(folder);
    return Fetch(url, folder, options).run(record);
  } catch (const fs::filesystem_error& error) {
    remove_if_new();
    throw SystemError(text(error.path1().string(), ": ", error.code().message()));
  } catch (...) {
    remove_if_new();
    throw;
  }
}

}  // namespace monge::fetch
