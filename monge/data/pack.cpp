#include "monge/data/pack.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <future>
#include <mutex>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "monge/core/checked.h"
#include "monge/core/files.h"
#include "monge/core/mapped_file.h"
#include "monge/core/nearest.h"
#include "monge/data/packed_set.h"
#include "monge/data/parallel.h"
#include "monge/data/pictures.h"
#include "monge/data/shard_record.h"
#include "monge/io/archive.h"
#include "monge/io/archive_index.h"
#include "monge/io/npy.h"

namespace monge::data {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

/// The folder in which a set is made, for one process at a time.
class Workshop {
 public:
  explicit Workshop(fs::path folder) : folder_(std::move(folder)) {
    make_writable_folder(folder_);
    const auto lock = folder_ / kLock;
    fd_ = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd_ < 0) throw SystemError(text(lock.string(), ": cannot be opened: ", std::strerror(errno)));
    if (::flock(fd_, LOCK_EX | LOCK_NB) == 0) return;
    ::close(fd_);
    throw Error(text(folder_.string(), ": another process is packing there; wait for it"));
  }
  ~Workshop() { ::close(fd_); }
  Workshop(const Workshop&) = delete;
  Workshop& operator=(const Workshop&) = delete;

  const fs::path& folder() const { return folder_; }

  /// Keeps the shards that are there if they were made by the same plan, else throws all away.
  void prepare(const std::string& plan, const LogSink& log) const {
    const auto path = folder_ / kPlan;
    std::error_code ignored;
    const bool begun = fs::exists(path, ignored);
    if (begun && real_files().read(path) == plan) return;
    for (const auto& entry : fs::directory_iterator(folder_)) {
      if (entry.path().filename() == kLock) continue;
      require(begun, folder_.string(), ": is needed for the work on ", folder_.stem().string(), ", and holds other things (",
              entry.path().filename().string(), "); choose another DST, or remove it");
      fs::remove(entry.path());
    }
    if (begun) log(LogLevel::info, text(folder_.string(), ": was begun with other pictures or options and is begun anew"));
    real_files().replace(path, plan);
  }

  void clear(int64_t shards) const {
    for (int64_t k = 0; k < shards; ++k) fs::remove(shard_record_path(folder_, k));
    fs::remove(folder_ / kPlan);
    fs::remove(folder_ / kLock);  // the open file keeps the lock
  }

 private:
  static constexpr const char *kLock = ".lock", *kPlan = ".plan";
  fs::path folder_;
  int fd_;
};

/// Writes one set.
class Packer {
 public:
  Packer(const Pictures& pictures, std::vector<int64_t> chosen, fs::path destination, const PackOptions& options, const LogSink& log)
      : pictures_(pictures), chosen_(std::move(chosen)), destination_(std::move(destination)), options_(options),
        preparation_(options.preparation), log_(log) {
    const int64_t item = options.encoded ? kEncodedGuess : preparation_.item_bytes();
    // Each shard is an open file when the set is used, and a process may have about a thousand.
    constexpr int64_t kMostShards = 512;
    per_shard_ = std::max({int64_t{1}, options.shard_bytes / item, (count() + kMostShards - 1) / kMostShards});
  }

  int64_t count() const { return static_cast<int64_t>(chosen_.size()); }
  int64_t shards() const { return (count() + per_shard_ - 1) / per_shard_; }

  /// @param tell  called once a picture.
  /// @return whether the set is whole; not where `stop` was set, or pictures could not be used and options do not skip them.
  bool run(const std::function<void(int64_t pictures)>& tell, const std::atomic<bool>& stop, PackedPart& part) {
    part.folder = destination_;
    const auto plan = plan_text();
    if (is_there(content_hash(plan), part)) {
      tell(count());
      return true;
    }
    const Workshop workshop(fs::path(destination_.string() + ".part"));
    workshop.prepare(plan, log_);
    part.shards = shards();
    std::future<void> writing;  // the shard before, while this one is decoded
    const auto finish_writing = [&] {
      if (writing.valid()) writing.get();
    };
    const auto note = [&part](const ShardRecord& record) {
      part.left_out.insert(part.left_out.end(), record.left_out.begin(), record.left_out.end());
      for (size_t kind = 0; kind < record.converted.size(); ++kind) part.converted[kind] += record.converted[kind];
    };
    bool refused = false;
    for (int64_t k = 0; k < shards() && !stop; ++k) {
      const auto path = shard_record_path(workshop.folder(), k);
      const int64_t begin = k * per_shard_, end = std::min(begin + per_shard_, count());
      if (auto old = read_shard_record(path); old && !(options_.on_error == "fail" && !old->left_out.empty())) {
        ++part.resumed;
        note(*old);
        tell(end - begin);
        continue;
      }
      auto shard = std::make_shared<Shard>(fill(begin, end, tell, stop));
      if (stop) break;
      note(shard->record);
      refused = refused || (options_.on_error == "fail" && !shard->record.left_out.empty());
      if (refused) continue;  // the others are looked at, so that all faults are told at once
      finish_writing();
      writing = std::async(std::launch::async, [this, shard, k, &workshop, path] { write(*shard, workshop.folder(), k, path); });
    }
    finish_writing();
    if (stop || refused) return false;
    require(part.left_out.size() < chosen_.size(), destination_.string(), ": none of ", count(), " pictures can be used",
            listed(part.left_out, part.left_out.size()));
    publish(workshop, content_hash(plan), part);
    return true;
  }

 private:
  static constexpr int64_t kEncodedGuess = 16 << 10;  // bytes of an encoded picture, to choose how many stand in a shard

  struct Shard {
    ShardRecord record;
    torch::Tensor pixels;                    ///< uint8 [n, H, W, 3]
    std::vector<io::ArchiveEntry> encoded;
    std::vector<std::string> names;
  };

  std::string shard_name(int64_t k) const {
    char name[40];
    std::snprintf(name, sizeof name, options_.encoded ? "encoded-%05lld.tar" : "pixels-%05lld.npy", static_cast<long long>(k));
    return name;
  }

  ordered_json preparation_json() const {
    if (options_.encoded) return nullptr;
    const auto& p = options_.preparation;
    return {{"resize_to", p.resize_to}, {"crop", p.crop}, {"filter", p.filter}, {"background", p.background}, {"grey", p.grey}};
  }

  /// Of what the set is a function: a line for each option and each picture.
  std::string plan_text() const {
    std::string names;
    for (const int64_t i : chosen_) names += packed_name_line(pictures_.name(i)) + ' ' + std::to_string(pictures_.length(i)) + '\n';
    const auto& p = options_.preparation;
    return text(kPackedFormat, ' ', kPackedVersion, '\n', options_.encoded ? "encoded" : text("pixels ", p.height, ' ', p.width, ' ', preparation_json().dump()),
                ' ', options_.convert, '\n', per_shard_, '\n', content_hash(names), ' ', count(), '\n',
                pictures_.stamp() == 0 ? "" : text("stamp ", pictures_.stamp(), '\n'));
  }

  bool is_there(const std::string& plan, PackedPart& part) const {
    std::error_code ignored;
    if (!fs::exists(destination_, ignored)) return false;
    const bool empty = fs::is_directory(destination_, ignored) && fs::is_empty(destination_, ignored);
    if (empty) return false;
    if (is_packed_set(destination_)) {
      const auto manifest = read_packed_manifest(destination_);
      if (manifest.plan == plan) {
        part.pictures = manifest.count;
        part.shards = static_cast<int64_t>(manifest.shards.size());
        for (const auto* list : {&manifest.shards, &manifest.files}) {
          for (const auto& file : *list) part.bytes += file.bytes;
        }
        part.was_there = true;
        return true;
      }
      throw Error(text(destination_.string(), ": is a packed set of other pictures or options; choose another DST, or remove it first"));
    }
    throw Error(text(destination_.string(), ": exists and is no packed set; choose another DST"));
  }

  /// Decodes pictures [begin, end) of the chosen ones; those that cannot be used are left out.
  Shard fill(int64_t begin, int64_t end, const std::function<void(int64_t)>& tell, const std::atomic<bool>& stop) const {
    const int64_t n = end - begin, item = preparation_.item_bytes();
    Shard out;
    std::vector<std::string> faults(static_cast<size_t>(n)), bytes(options_.encoded ? static_cast<size_t>(n) : 0);
    std::vector<int64_t> content(static_cast<size_t>(n));
    std::vector<io::Conversion> conversions(static_cast<size_t>(n), io::Conversion::none);
    if (!options_.encoded) out.pixels = torch::empty({n, preparation_.height(), preparation_.width(), 3}, torch::kUInt8);
    uint8_t* to = options_.encoded ? nullptr : out.pixels.data_ptr<uint8_t>();
    std::mutex guard;
    for_each_parallel(n, [&] {
      return [&, buffer = std::string()](int64_t k) mutable {
        if (stop) return;
        const int64_t i = chosen_[static_cast<size_t>(begin + k)];
        const auto at = static_cast<size_t>(k);
        try {
          take(i, buffer, to ? to + k * item : nullptr, bytes.empty() ? nullptr : &bytes[at], content[at], conversions[at]);
        } catch (const SystemError&) {
          throw;
        } catch (const Error& error) {
          faults[at] = error.what();
        }
        const std::lock_guard lock(guard);
        tell(1);
      };
    });
    if (stop) return out;
    int64_t kept = 0;
    for (int64_t k = 0; k < n; ++k) {
      const auto at = static_cast<size_t>(k);
      if (!faults[at].empty()) {
        out.record.left_out.push_back(faults[at]);
        continue;
      }
      const auto name = pictures_.name(chosen_[static_cast<size_t>(begin + k)]);
      out.record.names += packed_name_line(name) + '\n';
      out.record.content.push_back(content[at]);
      ++out.record.converted[static_cast<size_t>(conversions[at])];
      if (to && kept < k) std::copy_n(to + k * item, item, to + kept * item);
      if (options_.encoded) out.encoded.push_back({name, std::move(bytes[at])});
      ++kept;
    }
    out.record.converted[0] = 0;
    out.record.file.count = kept;
    if (to) out.pixels = out.pixels.narrow(0, 0, kept);
    return out;
  }

  /// One picture.
  void take(int64_t i, std::string& buffer, uint8_t* to, std::string* encoded, int64_t& content, io::Conversion& conversion) const {
    const auto bytes = pictures_.bytes(i, buffer);
    content = static_cast<int64_t>(pictures_.pixel_size() ? pictures_.content(i) : content_number(bytes));
    const auto image = pictures_.decode(i, bytes, conversion);
    if (!options_.convert && conversion != io::Conversion::none)
      throw Error(text(pictures_.where(i), ": is ", io::conversion_name(conversion), ", and is not to be converted"));
    if (encoded) {
      *encoded = bytes;
      return;
    }
    try {
      preparation_.write(image, to);
    } catch (const Error& error) {
      throw Error(text(pictures_.where(i), ": ", error.what()));
    }
  }

  /// Makes the shard durable, and then its record.
  void write(Shard& shard, const fs::path& folder, int64_t k, const fs::path& record_path) const {
    auto& record = shard.record;
    if (record.file.count > 0) {
      record.file.name = shard_name(k);
      const auto path = folder / record.file.name;
      if (options_.encoded) {
        io::write_archive(path, shard.encoded);
        const MappedFile file(path, MappedFile::Access::sequential);
        record.file.bytes = static_cast<int64_t>(file.bytes().size());
        record.file.xxh3 = content_hash(file.bytes());
        const auto index = io::index_archive(file);
        if (!index || index->size() != shard.encoded.size()) throw Error(text(path.string(), ": could not be read back"));
        for (const auto& entry : *index) record.places.insert(record.places.end(), {entry.offset, entry.size});
      } else {
        const auto header = io::npy_header(torch::kUInt8, shard.pixels.sizes().vec());
        const std::string_view pixels(reinterpret_cast<const char*>(shard.pixels.data_ptr<uint8_t>()), static_cast<size_t>(shard.pixels.numel()));
        const std::string_view parts[] = {header, pixels};
        const auto unfinished = folder / (record.file.name + ".part");
        real_files().write(unfinished, parts);
        real_files().publish(unfinished, path);
        ContentHash hash;
        for (const auto part : parts) hash.add(part);
        record.file.bytes = static_cast<int64_t>(header.size() + pixels.size());
        record.file.xxh3 = hash.digits();
      }
    }
    write_shard_record(record_path, record);
  }

  PackedManifest::File write_file(const fs::path& folder, const std::string& name, std::string_view bytes) const {
    real_files().replace(folder / name, bytes);
    return {name, 0, static_cast<int64_t>(bytes.size()), content_hash(bytes)};
  }

  void publish(const Workshop& workshop, const std::string& plan, PackedPart& part) const {
    const auto& folder = workshop.folder();
    std::string names;
    std::vector<int64_t> content, places;
    std::vector<PackedManifest::File> shards_here, files;
    for (int64_t k = 0; k < shards(); ++k) {
      const auto record = read_shard_record(shard_record_path(folder, k));
      if (!record) throw SystemError(text(folder.string(), ": shard ", k, " was taken away while it was packed"));
      if (record->file.count == 0) continue;
      names += record->names;
      content.insert(content.end(), record->content.begin(), record->content.end());
      for (size_t i = 0; i < record->places.size(); i += 2) {
        places.insert(places.end(), {static_cast<int64_t>(shards_here.size()), record->places[i], record->places[i + 1]});
      }
      shards_here.push_back(record->file);
      part.pictures += record->file.count;
    }
    const auto integers = [](std::vector<int64_t>& values, std::vector<int64_t> shape) {
      return io::npy_bytes(torch::from_blob(values.data(), shape, torch::kInt64));
    };
    files.push_back(write_file(folder, "names.txt", names));
    files.push_back(write_file(folder, "content.npy", integers(content, {part.pictures})));
    if (options_.encoded) files.push_back(write_file(folder, "places.npy", integers(places, {part.pictures, 3})));
    for (const auto* list : {&shards_here, &files}) {
      for (const auto& file : *list) part.bytes += file.bytes;
    }
    write_file(folder, "manifest.json", manifest_text(plan, shards_here, files, part));
    workshop.clear(shards());
    std::error_code ignored;
    fs::remove(destination_, ignored);  // an empty folder that was there
    real_files().publish(folder, destination_);
  }

  std::string manifest_text(const std::string& plan, const std::vector<PackedManifest::File>& shards,
                            const std::vector<PackedManifest::File>& files, const PackedPart& part) const {
    ordered_json out{{"format", kPackedFormat}, {"version", kPackedVersion}, {"kind", options_.encoded ? "encoded" : "pixels"}, {"count", part.pictures}};
    if (!options_.encoded) {
      out["height"] = preparation_.height();
      out["width"] = preparation_.width();
    }
    out["preparation"] = preparation_json();
    out["plan"] = plan;
    for (const auto& [key, list] : {std::pair{"shards", &shards}, {"files", &files}}) {
      out[key] = ordered_json::array();
      for (const auto& file : *list) out[key].push_back({{"file", file.name}, {"count", file.count}, {"bytes", file.bytes}, {"xxh3", file.xxh3}});
    }
    out["converted"] = io::conversion_text(part.converted);
    out["left_out"] = part.left_out;
    return out.dump(1, ' ', false, ordered_json::error_handler_t::replace) + '\n';
  }

  const Pictures& pictures_;
  std::vector<int64_t> chosen_;
  fs::path destination_;
  const PackOptions& options_;
  Preparation preparation_;
  const LogSink& log_;
  int64_t per_shard_ = 1;
};

}  // namespace

PackResult pack(const fs::path& source, const fs::path& destination, const PackOptions& options, const LogSink& log,
                const std::function<void(int64_t, int64_t)>& progress, const std::atomic<bool>& stop) {
  require(options.on_error == "fail" || options.on_error == "skip", "on_error: got \"", options.on_error, "\" (allowed: fail, skip)");
  require(options.shard_bytes >= 1, "shard_bytes: must be 1 or more, got ", options.shard_bytes);
  const Preparation checked(options.preparation);  // a bad option is found before the listing, which may take long
  const auto pictures = open_pictures(source, log);
  PackResult out;
  out.found = pictures->size();
  std::vector<int64_t> chosen(static_cast<size_t>(out.found));
  std::iota(chosen.begin(), chosen.end(), 0);
  for (const auto& rule : options.select) chosen = select_by_attribute(*pictures, chosen, rule, log);
  out.selected = static_cast<int64_t>(chosen.size());

  std::vector<std::unique_ptr<Packer>> packers;
  int64_t total = 0;
  if (options.split.empty()) {
    packers.push_back(std::make_unique<Packer>(*pictures, std::move(chosen), destination, options, log));
  } else {
    require(!is_packed_set(destination), destination.string(), ": is a packed set, and --split makes sets within it; choose another DST");
    auto lists = deal(*pictures, chosen, options.split, options.split_by);
    for (size_t k = 0; k < lists.size(); ++k) {
      require(!lists[k].empty(), "--split: no picture of ", out.selected, " falls to \"", options.split[k].name, "\"; give it a larger share");
      packers.push_back(std::make_unique<Packer>(*pictures, std::move(lists[k]), destination / options.split[k].name, options, log));
    }
  }
  for (const auto& packer : packers) total += packer->count();
  int64_t done = 0;
  const auto tell = [&](int64_t more) {
    done += more;
    if (progress) progress(done, total);
  };
  std::vector<std::string> faults;
  bool whole = true;
  for (auto& packer : packers) {
    out.parts.emplace_back();
    whole = packer->run(tell, stop, out.parts.back()) && whole;
    faults.insert(faults.end(), out.parts.back().left_out.begin(), out.parts.back().left_out.end());
  }
  out.complete = !stop;
  if (whole || stop) return out;
  constexpr size_t kMost = 1000;
  throw Error(text(source.string(), ": ", faults.size(), " of ", total, " pictures cannot be used; mend or remove them, or skip them with --on-error skip",
                   listed(faults, faults.size(), kMost)));
}

}  // namespace monge::data
