#include "monge/data/pack.h"

#include <algorithm>
#include <array>
#include <future>
#include <mutex>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <thread>
#include <utility>

#include "monge/core/checked.h"
#include "monge/core/file_name.h"
#include "monge/core/files.h"
#include "monge/core/nearest.h"
#include "monge/core/user_words.h"
#include "monge/core/version.h"
#include "monge/data/image_collection.h"
#include "monge/data/image_survey.h"
#include "monge/data/packed_set.h"
#include "monge/data/parallel.h"
#include "monge/data/shard_file.h"
#include "monge/data/staging_folder.h"
#include "monge/io/npy.h"

namespace monge::data {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

/// Writes one set.
class Packer {
 public:
  Packer(const ImageCollection& images, std::vector<int64_t> chosen, fs::path destination, const PackOptions& options,
         const LogSink& log)
      : images_(images),
        chosen_(std::move(chosen)),
        destination_(std::move(destination)),
        options_(options),
        preparation_(options.preparation),
        log_(log) {
    // Each shard is an open file when the set is used, and a process may have some thousands.
    constexpr int64_t kMostShards = 1024, kPieceBytes = int64_t{8} << 20;
    // A piece is what is decoded before it is handed to the disk: enough for all cores, and little memory.
    const auto cores = static_cast<int64_t>(std::max(1u, std::thread::hardware_concurrency()));
    int64_t all = 0;
    for (int64_t k = 0; k < count(); ++k) all += bytes_in_shard(k);
    shard_ends_ = cut(std::max(options.shard_bytes, all / kMostShards), 1);
    piece_ends_ = cut(kPieceBytes, 8 * cores);
    for (size_t k = 0; k < piece_ends_.size(); ++k)
      most_in_piece_ = std::max(most_in_piece_, piece_ends_[k] - (k == 0 ? 0 : piece_ends_[k - 1]));
  }

  int64_t count() const { return static_cast<int64_t>(chosen_.size()); }
  int64_t shards() const { return static_cast<int64_t>(shard_ends_.size()); }

  /// @param tell  called once an image.
  /// @return whether the set is whole; not where `stop` was set, or images could not be used and options do not skip
  /// them.
  bool run(const std::function<void(int64_t images)>& tell, const std::atomic<bool>& stop, PackedPart& part) {
    part.folder = destination_;
    const auto plan = plan_text();
    if (is_there(plan)) {
      describe(destination_, part);
      part.was_there = true;
      tell(count());
      return true;
    }
    const StagingFolder workshop(part_path(destination_));
    workshop.prepare(plan, log_);
    if (is_packed_set(workshop.folder())) {  // a kill came after the last shard
      tell(count());
      workshop.publish(destination_);
      describe(destination_, part);
      part.resumed = part.shards;
      return true;
    }
    part.shards = shards();
    const auto note = [&part](const ShardRecord& record) {
      part.left_out.insert(part.left_out.end(), record.left_out.begin(), record.left_out.end());
      part.notes.add(record.notes);
    };
    // Pieces are written in their order while others are filled; some more than two, as a disk that syncs takes its
    // time.
    struct Slot {
      ShardPiece piece;
      std::shared_future<void> written;
    };
    std::array<Slot, 6> slots;
    struct Last {
      std::shared_future<void> written;
      ~Last() {  // whatever ends this: the pieces must outlive their writing
        if (written.valid()) written.wait();
      }
    } last;
    bool refused = false;
    int64_t filled = 0;
    for (int64_t k = 0; k < shards() && !stop; ++k) {
      const auto record_path = shard_record_path(workshop.folder(), k);
      const int64_t begin = k == 0 ? 0 : shard_ends_[static_cast<size_t>(k) - 1],
                    end = shard_ends_[static_cast<size_t>(k)];
      if (const auto old = read_shard_record(record_path, /*check_content=*/true);
          old && fits(*old, k) && !(options_.when_unusable() == OnError::fail && !old->left_out.empty())) {
        ++part.resumed;
        note(*old);
        tell(end - begin);
        continue;
      }
      std::shared_ptr<ShardFile> file = new_shard(workshop.folder() / shard_name(k), end - begin);
      for (int64_t at = begin, next; at < end && !stop; at = next) {
        auto& [piece, written] = slots[static_cast<size_t>(filled++) % slots.size()];
        if (written.valid()) written.get();
        next = std::min(end, *std::upper_bound(piece_ends_.begin(), piece_ends_.end(), at));
        fill(at, next, tell, stop, piece);
        if (stop) break;
        piece.record.file.name = shard_name(k);
        note(piece.record);
        refused = refused || (options_.when_unusable() == OnError::fail && !piece.record.left_out.empty());
        if (refused) continue;  // the others are looked at, so that all faults are told at once
        const auto write = [&to_write = piece, file, ends = next == end, record_path, before = last.written]() mutable {
          // Let go of, or each writing would keep all before it until the end.
          if (const auto earlier = std::exchange(before, {}); earlier.valid()) earlier.get();
          const auto shard = std::exchange(file, nullptr);
          shard->add(to_write);
          if (ends) shard->finish(record_path);
        };
        last.written = written = std::async(std::launch::async, write).share();
      }
    }
    if (last.written.valid()) last.written.get();
    if (stop || refused) return false;
    require(part.left_out.size() < chosen_.size(), destination_.string(), ": none of ", count(), " images can be used",
            listed(part.left_out, part.left_out.size()));
    finish(workshop, part);
    return true;
  }

 private:
  /// Whether a record is of shard k of this set.
  bool fits(const ShardRecord& record, int64_t k) const {
    return (record.file.name.empty() || record.file.name == shard_name(k)) &&
           record.places.empty() == (!options_.encoded || record.file.count == 0);
  }

  /// What image k of the chosen ones takes in a shard; a guess where an encoded one's length is not known.
  int64_t bytes_in_shard(int64_t k) const {
    if (!options_.encoded) return preparation_.item_bytes();
    constexpr int64_t kGuess = 16 << 10;
    const int64_t length = images_.length(chosen_[static_cast<size_t>(k)]);
    return length > 0 ? length : kGuess;
  }

  /// Ends of runs of images of at most so many bytes, but of `least` images or more.
  std::vector<int64_t> cut(int64_t bytes, int64_t least) const {
    std::vector<int64_t> ends;
    int64_t begin = 0, sum = 0;
    for (int64_t k = 0; k < count(); ++k) {
      const int64_t next = bytes_in_shard(k);
      if (k - begin >= least && sum + next > bytes) {
        ends.push_back(k);
        begin = k;
        sum = 0;
      }
      sum += next;
    }
    ends.push_back(count());
    return ends;
  }

  std::unique_ptr<ShardFile> new_shard(const fs::path& path, int64_t most) const {
    return options_.encoded ? new_encoded_shard(path)
                            : new_pixel_shard(path, most, preparation_.height(), preparation_.width());
  }

  std::string shard_name(int64_t k) const {
    char name[40];
    std::snprintf(name, sizeof name, options_.encoded ? "encoded-%05lld.tar" : "pixels-%05lld.npy",
                  static_cast<long long>(k));
    return name;
  }

  ordered_json preparation_json() const {
    if (options_.encoded) return nullptr;
    const auto& p = options_.preparation;
    return {{"resize_to", p.resize_to}, {"crop", p.crop}, {"filter", p.filter}, {"background", p.background},
            {"grey", p.grey},           {"exif", p.exif}, {"range", p.range}};
  }

  /// The same without what has the value that it had before there was a choice, so that sets of then are known again.
  ordered_json plan_json() const {
    auto out = preparation_json();
    if (out.is_object() && out["exif"] == "ignore") out.erase("exif");
    if (out.is_object() && out["range"] == "full") out.erase("range");
    return out;
  }

  /// Of what the set is a function: the options and the images, as far as can be told without reading them.
  std::string plan_text() const {
    std::string names = images_.whole_stamp() + '\n';
    std::vector<std::string> lines(chosen_.size());
    for_each_parallel(count(), [&] {
      return [&](int64_t k) {
        const int64_t i = chosen_[static_cast<size_t>(k)];
        lines[static_cast<size_t>(k)] = packed_name_line(images_.name(i)) + ' ' + images_.stamp(i) + '\n';
      };
    });
    for (const auto& line : lines) names += line;
    const auto& p = options_.preparation;
    return text(kPackedFormat, ' ', kPackedVersion, ", monge ", version(), '\n',
                options_.encoded ? "encoded" : text("pixels ", p.height, ' ', p.width, ' ', plan_json().dump()),
                options_.convert ? "" : " not converted", '\n', options_.shard_bytes, '\n', content_hash(names), ' ',
                count(), '\n');
  }

  bool is_there(const std::string& plan) const {
    std::error_code ignored;
    if (!fs::exists(destination_, ignored)) return false;
    if (fs::is_directory(destination_, ignored) && fs::is_empty(destination_, ignored)) return false;
    require(is_packed_set(destination_), destination_.string(), ": exists and is no packed set; choose another DST");
    require(StagingFolder::has_plan(destination_, plan), destination_.string(),
            ": is a packed set of other images or options; choose another DST, or remove it first");
    return true;
  }

  /// What a set that is there holds.
  static void describe(const fs::path& folder, PackedPart& part) {
    const auto manifest = read_packed_manifest(folder);
    part.images = manifest.count;
    part.shards = static_cast<int64_t>(manifest.shards.size());
    for (const auto* list : {&manifest.shards, &manifest.files}) {
      for (const auto& file : *list) part.bytes += file.bytes;
    }
  }

  /// Decodes images [begin, end) of the chosen ones into `out`; those that cannot be used are left out.
  void fill(int64_t begin, int64_t end, const std::function<void(int64_t)>& tell, const std::atomic<bool>& stop,
            ShardPiece& out) const {
    const int64_t n = end - begin, item = preparation_.item_bytes();
    out.record = {};
    out.encoded.clear();
    std::vector<std::string> faults(static_cast<size_t>(n)), bytes(options_.encoded ? static_cast<size_t>(n) : 0);
    std::vector<int64_t> content(static_cast<size_t>(n));
    std::vector<io::ImageNotes> notes(static_cast<size_t>(n));
    // Memory that is used again costs no page faults, of which there would be three an image.
    if (!options_.encoded && !out.pixels.defined())
      out.pixels = torch::empty({most_in_piece_, preparation_.height(), preparation_.width(), 3}, torch::kUInt8);
    uint8_t* to = options_.encoded ? nullptr : out.pixels.data_ptr<uint8_t>();
    std::mutex guard;
    for_each_parallel(n, [&] {
      return [&, buffer = std::string()](int64_t k) mutable {
        if (stop) return;
        const int64_t i = chosen_[static_cast<size_t>(begin + k)];
        const auto at = static_cast<size_t>(k);
        try {
          take(i, buffer, to ? to + k * item : nullptr, bytes.empty() ? nullptr : &bytes[at], content[at], notes[at]);
        } catch (const InputError& error) {
          faults[at] = error.what();
        }
        const std::lock_guard lock(guard);
        tell(1);
      };
    });
    if (stop) return;
    int64_t kept = 0;
    for (int64_t k = 0; k < n; ++k) {
      const auto at = static_cast<size_t>(k);
      if (!faults[at].empty()) {
        out.record.left_out.push_back(faults[at]);
        continue;
      }
      const auto name = images_.name(chosen_[static_cast<size_t>(begin + k)]);
      out.record.names += packed_name_line(name) + '\n';
      out.record.content.push_back(content[at]);
      out.record.notes.add(notes[at]);
      if (to && kept < k) std::copy_n(to + k * item, item, to + kept * item);
      if (options_.encoded) out.encoded.push_back({name, std::move(bytes[at])});
      ++kept;
    }
    out.record.notes.converted[0] = 0;
    out.record.file.count = kept;
  }

  /// One image.
  void take(int64_t i, std::string& buffer, uint8_t* to, std::string* encoded, int64_t& content,
            io::ImageNotes& notes) const {
    const auto bytes = images_.bytes(i, buffer);
    content = static_cast<int64_t>(images_.pixel_size() ? images_.content(i) : content_number(bytes));
    prepare_image(images_, i, bytes, options_.convert, encoded ? nullptr : &preparation_, to, notes);
    if (!encoded) return;
    *encoded = bytes;
    notes = {};  // nothing is done to it here
  }

  PackedManifest::File write_file(const fs::path& folder, const std::string& name, std::string_view bytes) const {
    // Durable, but without a name of its own to be published: the whole folder will be, and the manifest comes last.
    real_files().write(folder / name, {&bytes, 1});
    return {name, 0, static_cast<int64_t>(bytes.size()), content_hash(bytes)};
  }

  /// Writes what stands beside the shards, and publishes the set.
  void finish(const StagingFolder& workshop, PackedPart& part) const {
    const auto& folder = workshop.folder();
    std::string names;
    std::vector<int64_t> content, places;
    std::vector<PackedManifest::File> shards_here, files;
    for (int64_t k = 0; k < shards(); ++k) {
      const auto record = read_shard_record(shard_record_path(folder, k), /*check_content=*/false);
      if (!record) throw SystemError(text(folder.string(), ": shard ", k, " was taken away while it was packed"));
      if (record->file.count == 0) continue;
      names += record->names;
      content.insert(content.end(), record->content.begin(), record->content.end());
      for (size_t i = 0; i < record->places.size(); i += 2) {
        places.insert(places.end(),
                      {static_cast<int64_t>(shards_here.size()), record->places[i], record->places[i + 1]});
      }
      shards_here.push_back(record->file);
      part.images += record->file.count;
    }
    const auto integers = [](std::vector<int64_t>& values, std::vector<int64_t> shape) {
      return io::npy_bytes(torch::from_blob(values.data(), shape, torch::kInt64));
    };
    files.push_back(write_file(folder, "names.txt", names));
    files.push_back(write_file(folder, "content.npy", integers(content, {part.images})));
    if (options_.encoded) files.push_back(write_file(folder, "places.npy", integers(places, {part.images, 3})));
    for (const auto* list : {&shards_here, &files}) {
      for (const auto& file : *list) part.bytes += file.bytes;
    }
    real_files().replace(folder / "manifest.json",
                         manifest_text(shards_here, files, part));  // from here on the set is whole
    workshop.publish(destination_);
  }

  std::string manifest_text(const std::vector<PackedManifest::File>& shards,
                            const std::vector<PackedManifest::File>& files, const PackedPart& part) const {
    ordered_json out{{"format", kPackedFormat},
                     {"version", kPackedVersion},
                     {"kind", options_.encoded ? "encoded" : "pixels"},
                     {"count", part.images}};
    if (!options_.encoded) {
      out["height"] = preparation_.height();
      out["width"] = preparation_.width();
      const auto background = io::parse_colour(options_.preparation.background, "background");  // of grey with alpha
      const bool colourless = background[0] == background[1] && background[1] == background[2];
      out["grey"] = options_.preparation.grey || (colourless && part.notes.grey == part.images);
    }
    out["preparation"] = preparation_json();
    for (const auto& [key, list] : {std::pair{"shards", &shards}, {"files", &files}}) {
      out[key] = ordered_json::array();
      for (const auto& file : *list)
        out[key].push_back({{"file", file.name}, {"count", file.count}, {"bytes", file.bytes}, {"xxh3", file.xxh3}});
    }
    out["converted"] = io::conversion_text(part.notes.converted);
    out["noticed"] = io::note_lines(part.notes);
    out["left_out"] = part.left_out;
    return out.dump(1, ' ', false, ordered_json::error_handler_t::replace) + '\n';
  }

  const ImageCollection& images_;
  std::vector<int64_t> chosen_;
  fs::path destination_;
  const PackOptions& options_;
  Preparation preparation_;
  const LogSink& log_;
  std::vector<int64_t> shard_ends_, piece_ends_;  ///< in chosen images
  int64_t most_in_piece_ = 0;
};

}  // namespace

PackResult pack(const fs::path& source, const fs::path& where, const PackOptions& given, const LogSink& log,
                const std::function<void(int64_t, int64_t)>& progress, const std::atomic<bool>& stop) {
  auto options = given;
  const bool measure = range_choice(options.preparation.range) == RangeChoice::automatic;
  if (measure) options.preparation.range = "full";  // until it is known
  auto destination = where.lexically_normal();
  if (!destination.has_filename()) destination = destination.parent_path();  // "DST/" is DST
  require(!destination.empty(), where.string(), ": is no name for a new folder");
  options.when_unusable();  // an unknown word is found here
  require(options.shard_bytes >= 1, "shard_bytes: must be 1 or more, got ", options.shard_bytes);
  const Preparation checked(options.preparation);  // a bad option is found before the listing, which may take long
  const auto images = open_image_collection(source, log);
  require(!options.encoded || !images->pixel_size(), source.string(),
          ": holds bare pixels and no encoded files; leave out ", user_word("PackOptions::encoded"));
  if (is_packed_set(source)) {  // damage must not come out under new hashes
    const auto damaged = verify_packed_set(source, {}, stop);
    require(damaged.empty(), source.string(), ": is damaged:", listed(damaged, damaged.size()));
  }
  PackResult out;
  out.found = images->size();
  std::vector<int64_t> chosen(static_cast<size_t>(out.found));
  std::iota(chosen.begin(), chosen.end(), 0);
  for (const auto& rule : options.select) chosen = select_by_attribute(*images, chosen, rule, log);
  out.selected = static_cast<int64_t>(chosen.size());
  if (measure) options.preparation.range = measured_range(*images, chosen, source.string(), log, stop);
  if (measure && stop) {
    out.complete = false;
    return out;
  }

  std::vector<std::unique_ptr<Packer>> packers;
  int64_t total = 0;
  if (options.split.empty()) {
    packers.push_back(std::make_unique<Packer>(*images, std::move(chosen), destination, options, log));
  } else {
    require(!is_packed_set(destination), destination.string(), ": is a packed set, and ",
            user_word("PackOptions::split"), " makes sets within it; choose another DST");
    auto lists = assign_to_splits(*images, chosen, options.split, options.split_by);
    for (size_t k = 0; k < lists.size(); ++k) {
      require(!lists[k].empty(), user_word("PackOptions::split"), ": no image of ", out.selected, " falls to \"",
              options.split[k].name, "\"; give it a larger share");
      packers.push_back(
          std::make_unique<Packer>(*images, std::move(lists[k]), destination / options.split[k].name, options, log));
    }
  }
  for (const auto& packer : packers) total += packer->count();
  if (total < out.selected) {
    log(LogLevel::warning, text(user_word("PackOptions::split"), ": the shares are less than 1 in all, so ",
                                out.selected - total, " of ", out.selected, " images are in no part"));
  }
  int64_t done = 0;
  const auto tell = [&](int64_t more) {
    done += more;
    if (progress) progress(done, total);
  };
  std::vector<std::string> faults;
  io::NoteCounts notes;
  bool whole = true;
  for (auto& packer : packers) {
    out.parts.emplace_back();
    whole = packer->run(tell, stop, out.parts.back()) && whole;
    const auto& part = out.parts.back();
    faults.insert(faults.end(), part.left_out.begin(), part.left_out.end());
    notes.add(part.notes);
  }
  out.complete = !stop;
  if (whole || stop) return out;
  constexpr size_t kMost = 1000;
  const auto odd = io::conversion_text(notes.converted);
  throw InputError(text(source.string(), ": ", faults.size(), " of ", total,
                        " images cannot be used; mend or remove them, or skip them with ",
                        user_word("PackOptions::on_error = \"skip\""), listed(faults, faults.size(), kMost),
                        odd.empty() ? "" : "\nothers can be used: " + odd));
}

}  // namespace monge::data
