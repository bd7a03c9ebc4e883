// Reads images from archives: in place if they are stored uncompressed, else from memory.
#include <algorithm>
#include <charconv>
#include <functional>
#include <optional>

#include "monge/core/error.h"
#include "monge/core/mapped_file.h"
#include "monge/core/read_at.h"
#include "monge/data/encoded_buffer.h"
#include "monge/data/image_collection_kinds.h"
#include "monge/data/name_list.h"
#include "monge/io/archive.h"
#include "monge/io/archive_index.h"
#include "monge/io/crc32.h"
#include "monge/io/decoding_memory.h"

namespace monge::data {
namespace {

namespace fs = std::filesystem;

/// The common part of the images of one archive: its path and their names.
class NamedImages : public ImageCollection {
 public:
  NamedImages(fs::path path, NameList names) : path_(std::move(path)), names_(std::move(names)) {}

  int64_t size() const override { return names_.size(); }
  std::string name(int64_t i) const override { return std::string(names_[i]); }
  std::string where(int64_t i) const override { return text(path_.string(), '/', names_[i]); }
  std::string whole_stamp() const override { return file_stamp(path_); }

 private:
  fs::path path_;
  NameList names_;
};

/// Images that are stored uncompressed in the archive.
class StoredImages : public NamedImages {
 public:
  struct Place {
    int64_t offset = 0, size = 0;
    std::optional<uint32_t> crc = {};
  };
  StoredImages(const fs::path& path, NameList names, std::vector<Place> places)
      : NamedImages(path, std::move(names)), file_(path), locations_(std::move(places)) {}

  std::string_view bytes(int64_t i, std::string& buffer) const override {
    const auto& place = locations_[static_cast<size_t>(i)];
    if (place.size > kMostBytes)
      throw InputError(text(where(i), ": has ", place.size, " bytes, too many for an image (at most 1 GiB)"));
    hold_buffer(buffer, place.size, where(i));
    buffer.resize(static_cast<size_t>(place.size));
    file_.read(place.offset, buffer.data(), place.size);
    // At each reading, because that costs little beside decoding, and all at opening would read the whole archive.
    if (place.crc && *place.crc != io::crc32_of(buffer))
      throw InputError(text(where(i), ": its checksum in the archive is wrong; the archive is damaged, copy or ",
                            "download it again"));
    return buffer;
  }
  int64_t length(int64_t i) const override { return locations_[static_cast<size_t>(i)].size; }

 private:
  static constexpr int64_t kMostBytes = int64_t{1} << 30;
  ReadAt file_;
  std::vector<Place> locations_;
};

/// Images of a compressed archive, unpacked to memory.
class UnpackedImages : public NamedImages {
 public:
  UnpackedImages(const fs::path& path, NameList names, std::vector<std::string> contents)
      : NamedImages(path, std::move(names)), contents_(std::move(contents)) {}

  std::string_view bytes(int64_t i, std::string&) const override { return contents_[static_cast<size_t>(i)]; }
  int64_t length(int64_t i) const override { return static_cast<int64_t>(contents_[static_cast<size_t>(i)].size()); }

 private:
  std::vector<std::string> contents_;
};

constexpr int64_t kMostEntryBytes = int64_t{256} << 20;

/// Images that are read in place.
constexpr io::ArchiveLimits kStoredLimits{.most_entry_bytes = kMostEntryBytes};

/// The bytes that may be unpacked to memory, for all archives of a set together: as many as decoding may take.
int64_t unpacked_allowance() { return std::min(io::ArchiveLimits().most_bytes, io::decoding_memory()); }

/// "a.png" for "./a.png", which tar writes for a folder named ".".
std::string plain_name(const std::string& name) { return fs::path(name).lexically_normal().generic_string(); }

bool is_wanted(const std::string& name) { return io::has_image_extension(name) && !is_hidden(name); }

/// Chooses the entries to read, and collects what to report about the others.
struct ArchiveChoice {
  ArchiveChoice(const MemberPath& path, const std::string& where, const LogSink& sink)
      : members(path, where),
        log(sink),
        are_samples(fs::path(where).filename().string().find(".zip") == std::string::npos) {}

  std::function<bool(const std::string&)> wanted() {
    return [this](const std::string& name) { return is_wanted(name) && members.may_take(plain_name(name)); };
  }

  /// The positions of the chosen names, in their order.
  std::vector<int64_t> order(const NameList& names) const {
    auto out = members.choose(names, names.sorted());
    if (are_samples) members.check_unchosen(names, out, log);
    return out;
  }

  MemberChoice members;
  const LogSink& log;
  bool are_samples;  ///< a tar may be a WebDataset
  io::ArchiveReport report;
};

/// Opens images that are stored uncompressed; nothing if they are not.
std::shared_ptr<const ImageCollection> open_stored(const fs::path& path, ArchiveChoice& choice) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored) || fs::file_size(path, ignored) == 0) return nullptr;
  const auto index = io::index_archive(MappedFile(path), choice.wanted(), kStoredLimits, &choice.report);
  if (!index) return nullptr;
  NameList names;
  for (const auto& entry : *index) names.add(plain_name(entry.name));
  const auto order = choice.order(names);
  std::vector<StoredImages::Place> places;
  for (const int64_t at : order) {
    const auto& entry = (*index)[static_cast<size_t>(at)];
    places.push_back({entry.offset, entry.size, entry.crc});
  }
  return std::make_shared<StoredImages>(path, names.chosen(order), std::move(places));
}

/// @param allowance  the bytes that may be unpacked to memory, less those that the images keep.
std::shared_ptr<const ImageCollection> open_unpacked(const fs::path& path, ArchiveChoice& choice, int64_t& allowance) {
  auto entries = io::read_archive(path, choice.wanted(), {.most_bytes = allowance, .most_entry_bytes = kMostEntryBytes},
                                  &choice.report);
  NameList names;
  for (const auto& entry : entries)
    names.add(plain_name(entry.name));  // an empty entry is kept, so that its error names it
  const auto order = choice.order(names);
  std::vector<std::string> contents;
  for (const int64_t at : order) {
    contents.push_back(std::move(entries[static_cast<size_t>(at)].bytes));
    allowance -= static_cast<int64_t>(contents.back().size());
  }
  return std::make_shared<UnpackedImages>(path, names.chosen(order), std::move(contents));
}

class ShardImages : public ImageCollection {
 public:
  explicit ShardImages(std::vector<std::pair<std::string, std::shared_ptr<const ImageCollection>>> shards)
      : shards_(std::move(shards)) {
    for (const auto& shard : shards_) ends_.push_back((ends_.empty() ? 0 : ends_.back()) + shard.second->size());
  }

  int64_t size() const override { return ends_.back(); }
  std::string name(int64_t i) const override {
    const auto [shard, own] = find(i);
    return shard->first + '/' + shard->second->name(own);
  }
  std::string where(int64_t i) const override {
    const auto [shard, own] = find(i);
    return shard->second->where(own);
  }
  std::string_view bytes(int64_t i, std::string& buffer) const override {
    const auto [shard, own] = find(i);
    return shard->second->bytes(own, buffer);
  }
  int64_t length(int64_t i) const override {
    const auto [shard, own] = find(i);
    return shard->second->length(own);
  }
  std::string whole_stamp() const override {
    std::string out;
    for (const auto& shard : shards_) out += shard.second->whole_stamp() + '\n';
    return out;
  }

 private:
  std::pair<const std::pair<std::string, std::shared_ptr<const ImageCollection>>*, int64_t> find(int64_t i) const {
    const auto shard = std::upper_bound(ends_.begin(), ends_.end(), i) - ends_.begin();
    return {&shards_[static_cast<size_t>(shard)], shard == 0 ? i : i - ends_[static_cast<size_t>(shard) - 1]};
  }

  std::vector<std::pair<std::string, std::shared_ptr<const ImageCollection>>> shards_;
  std::vector<int64_t> ends_;
};

/// "a-000" for "x/a-000.tar.gz".
std::string shard_name(const fs::path& path) {
  auto name = path.filename();
  while (io::has_archive_extension(name)) name = name.stem();
  return name.string();
}

std::shared_ptr<const ImageCollection> open_archive_images(const fs::path& path, const MemberPath& member,
                                                           int64_t& allowance, const LogSink& log) {
  auto choice = std::make_optional<ArchiveChoice>(member, path.string(), log);
  auto out = open_stored(path, *choice);
  if (!out) {
    choice.emplace(member, path.string(), log);  // a new one, since the old one may have seen entries already
    out = open_unpacked(path, *choice, allowance);
  }
  const auto warn_of = [&](const io::LeftOut& left, const char* one, const char* many, const char* why) {
    if (left.count == 0) return;
    log(LogLevel::warning,
        text(path.string(), ": ", left.count, ' ', left.count == 1 ? one : many, why, "; the first is ", left.first));
  };
  const auto& report = choice->report;
  warn_of(report.unsafe, "entry is", "entries are",
          " left out because of an unsafe name (absolute, empty, or leaving the archive by \"..\")");
  warn_of(report.links, "link is", "links are", " left out (only hard links to entries of the archive are used)");
  warn_of(report.special, "device or pipe is", "devices or pipes are", " left out");
  warn_of(report.repetitions, "entry repeats", "entries repeat",
          " an earlier one of the same name and bytes; only the earlier one is used");
  return out;
}

std::shared_ptr<const ImageCollection> open_image_shards(const std::string& whole, const LogSink& log) {
  const auto member = member_path(whole);
  const auto& pattern = member.set;
  std::vector<std::pair<std::string, std::shared_ptr<const ImageCollection>>> shards;
  int64_t allowance = unpacked_allowance();
  for (const auto& path : existing_shards(pattern)) {
    require(io::has_archive_extension(path), path.string(),
            ": is not an archive; shards are .tar, .tar.gz, .zip, .7z or .parquet files");
    shards.emplace_back(shard_name(path), open_archive_images(path, member, allowance, log));
  }
  for (size_t k = 1; k < shards.size(); ++k) {
    // The paths may differ in their folders alone.
    require(shards[k].first != shards[0].first, pattern, ": all shards have the file name ", shards[0].first,
            ", so their images cannot be distinguished; put the number into the file name");
  }
  auto out = std::make_shared<ShardImages>(std::move(shards));
  require(out->size() > 0, pattern, ": no images found in the shards (", io::listed_image_extensions("*", ", ", ", "),
          ')');
  return out;
}

std::shared_ptr<const ImageCollection> open_image_archive(const std::string& path, const LogSink& log) {
  const auto member = existing_set(path);
  int64_t allowance = unpacked_allowance();
  auto out = open_archive_images(member.set, member, allowance, log);
  require_images_in(member.set, *out);
  return out;
}

}  // namespace

ImageCollectionKind image_archive_kind() {
  return {.name = "archive of images",
          .help = "archive",
          .accepted = ".zip .tar .tar.gz .tgz .7z .parquet of images",  // Parquet beside the others that hold images
          .place = 20,
          .matches = [](const std::string& path) { return io::has_archive_extension(member_path(path).set); },
          .open = open_image_archive};
}

ImageCollectionKind image_shards_kind() {
  return {.name = "shards of images",
          .help = "shards (NAME-{000..146}.tar)",
          .place = 30,
          .matches =
              [](const std::string& path) {
                std::error_code ignored;
                const auto set = member_path(path).set;
                return !fs::exists(set, ignored) && set.find('{') != std::string::npos;
              },
          .open = open_image_shards};
}

std::vector<fs::path> existing_shards(const std::string& pattern) {
  auto paths = expand_shards(pattern);
  std::string missing;
  int64_t absent = 0;
  for (const auto& path : paths) {
    std::error_code ignored;
    if (fs::exists(path, ignored)) continue;
    if (absent++ == 0) missing = path.string();
  }
  require(absent == 0, pattern, ": ", absent, " of ", paths.size(), " shards are missing, the first is ", missing);
  return paths;
}

std::vector<fs::path> expand_shards(const std::string& path) {
  const auto open = path.find('{');
  if (open == std::string::npos) return {path};
  const auto refuse = [&](const char* what) {
    throw InputError({.what = what,
                      .where = "path",
                      .value = '"' + path + '"',
                      .allowed = "one range of numbers in braces",
                      .fix = "write for example \"faces-{000..146}.tar\""});
  };
  const auto close = path.find('}', open), dots = path.find("..", open);
  if (close == std::string::npos || dots == std::string::npos || dots > close ||
      path.find('{', open + 1) != std::string::npos)
    refuse("not a range of shards");
  const auto first = path.substr(open + 1, dots - open - 1), last = path.substr(dots + 2, close - dots - 2);
  int64_t from = 0, to = 0;
  const auto number = [&](const std::string& digits, int64_t& value) {
    const auto* end = digits.data() + digits.size();
    const auto [stop, failure] = std::from_chars(digits.data(), end, value);
    if (digits.empty() || digits[0] == '-' || failure != std::errc() || stop != end)
      refuse("the ends of the range are not numbers");
  };
  number(first, from);
  number(last, to);
  constexpr int64_t kMost = 100'000;
  if (to < from) refuse("the range of shards runs backwards");
  if (to - from >= kMost) refuse("more than 100,000 shards");
  std::vector<fs::path> out;
  for (int64_t k = 0; k <= to - from; ++k) {
    auto digits = std::to_string(from + k);
    if (digits.size() < first.size()) digits.insert(0, first.size() - digits.size(), '0');
    out.push_back(path.substr(0, open) + digits + path.substr(close + 1));
  }
  return out;
}

}  // namespace monge::data
