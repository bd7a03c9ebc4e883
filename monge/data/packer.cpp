#include "monge/data/packer.h"

#include <algorithm>
#include <cstdio>
#include <mutex>
#include <thread>
#include <utility>

#include "monge/core/error.h"
#include "monge/core/file_name.h"
#include "monge/core/files.h"
#include "monge/core/nearest.h"
#include "monge/data/encoded_buffer.h"
#include "monge/data/pack_manifest.h"
#include "monge/data/parallel.h"
#include "monge/data/piece_writer.h"
#include "monge/io/decoding_memory.h"
#include "monge/io/npy.h"

namespace monge::data {
namespace {

namespace fs = std::filesystem;

/// Fills `part` from the finished set in `folder`.
void describe_packed_set(const fs::path& folder, PackedPart& part) {
  const auto manifest = read_packed_manifest(folder);
  part.images = manifest.count;
  part.shards = static_cast<int64_t>(manifest.shards.size());
  for (const auto* list : {&manifest.shards, &manifest.files}) {
    for (const auto& file : *list) part.bytes += file.bytes;
  }
}

PackedManifest::File write_beside_shards(const fs::path& folder, const std::string& name, std::string_view bytes) {
  // Durable, but not published on its own: the whole folder will be, and its manifest is written last.
  real_files().write(folder / name, {&bytes, 1});
  return {name, 0, static_cast<int64_t>(bytes.size()), content_hash(bytes)};
}

void add_record(const ShardRecord& record, PackedPart& part) {
  part.left_out.insert(part.left_out.end(), record.left_out.begin(), record.left_out.end());
  part.notes.add(record.notes);
}

}  // namespace

Packer::Packer(const ImageCollection& images, std::vector<int64_t> chosen, fs::path destination,
               const PackOptions& options, const LogSink& log)
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

bool Packer::run(const AddProgress& add_progress, const std::atomic<bool>& stop, PackedPart& part) {
  require_usable_name(destination_, "packed set");
  part.folder = destination_;
  const auto inputs = input_manifest(images_, chosen_, options_);
  if (is_there(inputs)) {
    describe_packed_set(destination_, part);
    part.was_there = true;
    add_progress(count());
    return true;
  }
  const StagingFolder staging(part_path(destination_));
  staging.prepare(inputs, log_);
  if (is_packed_set(staging.folder())) {  // an earlier call was killed between the last shard and the publishing
    add_progress(count());
    staging.publish(destination_);
    describe_packed_set(destination_, part);
    part.resumed = part.shards;
    return true;
  }
  part.shards = shards();
  const bool all_usable = write_shards(staging.folder(), add_progress, stop, part);
  if (stop || !all_usable) return false;
  require(part.left_out.size() < chosen_.size(), destination_.string(), ": none of ", count(), " images can be used",
          listed(part.left_out, part.left_out.size()));
  finish(staging, part);
  return true;
}

/// Writes the shards that are not there yet. @return false if an unusable image is not to be skipped.
bool Packer::write_shards(const fs::path& folder, const AddProgress& add_progress, const std::atomic<bool>& stop,
                          PackedPart& part) const {
  PieceWriter writer;
  bool refused = false;
  for (int64_t k = 0; k < shards() && !stop; ++k) {
    const auto record_path = shard_record_path(folder, k);
    const int64_t begin = k == 0 ? 0 : shard_ends_[static_cast<size_t>(k) - 1],
                  end = shard_ends_[static_cast<size_t>(k)];
    if (const auto earlier = read_shard_record(record_path, /*check_content=*/true);
        earlier && fits(*earlier, k) && !is_fatal(*earlier)) {
      ++part.resumed;
      add_record(*earlier, part);
      add_progress(end - begin);
      continue;
    }
    const std::shared_ptr<ShardFile> shard = new_shard(folder / shard_name(k), end - begin);
    for (int64_t at = begin, next; at < end && !stop; at = next) {
      auto& piece = writer.next_piece();
      next = std::min(end, *std::upper_bound(piece_ends_.begin(), piece_ends_.end(), at));
      fill(at, next, add_progress, stop, piece);
      if (stop) break;
      piece.record.file.name = shard_name(k);
      add_record(piece.record, part);
      refused = refused || is_fatal(piece.record);
      if (refused) continue;  // the other images are tried as well, so that one message names every fault
      writer.write(shard, next == end ? &record_path : nullptr);
    }
  }
  writer.finish();
  return !refused;
}

/// Whether a record is of this shard of this set.
bool Packer::fits(const ShardRecord& record, int64_t shard) const {
  return (record.file.name.empty() || record.file.name == shard_name(shard)) &&
         record.places.empty() == (!options_.encoded || record.file.count == 0);
}

/// Whether the shard has an image that cannot be used, and the options do not skip it.
bool Packer::is_fatal(const ShardRecord& record) const {
  return options_.when_unusable() == OnError::fail && !record.left_out.empty();
}

/// The bytes that the k-th chosen image takes in a shard; a guess for an encoded image of unknown length.
int64_t Packer::bytes_in_shard(int64_t k) const {
  if (!options_.encoded) return preparation_.item_bytes();
  constexpr int64_t kGuess = 16 << 10;
  const int64_t length = images_.length(chosen_[static_cast<size_t>(k)]);
  return length > 0 ? length : kGuess;
}

/// Cuts the chosen images into runs of at most `bytes` bytes, but of at least `least` images. @return their ends.
std::vector<int64_t> Packer::cut(int64_t bytes, int64_t least) const {
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

std::unique_ptr<ShardFile> Packer::new_shard(const fs::path& path, int64_t most) const {
  return options_.encoded ? new_encoded_shard(path)
                          : new_pixel_shard(path, most, preparation_.height(), preparation_.width());
}

std::string Packer::shard_name(int64_t shard) const {
  char name[40];
  std::snprintf(name, sizeof name, options_.encoded ? "encoded-%05lld.tar" : "pixels-%05lld.npy",
                static_cast<long long>(shard));
  return name;
}

/// Whether the destination already holds this set. @throws InputError when it holds something else.
bool Packer::is_there(const std::string& inputs) const {
  std::error_code ignored;
  if (!fs::exists(destination_, ignored)) return false;
  if (fs::is_directory(destination_, ignored) && fs::is_empty(destination_, ignored)) return false;
  require(is_packed_set(destination_), destination_.string(), ": exists and is not a packed set; choose another DST");
  require(StagingFolder::has_inputs(destination_, inputs), destination_.string(),
          ": is a packed set of other images or options; choose another DST, or remove it first");
  return true;
}

/// Decodes the chosen images [begin, end) into `out`, and leaves out those that cannot be used.
void Packer::fill(int64_t begin, int64_t end, const AddProgress& add_progress, const std::atomic<bool>& stop,
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
      add_progress(1);
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
    // Images behind one that was left out move up.
    if (to && kept < k) std::copy_n(to + k * item, item, to + kept * item);
    if (options_.encoded) out.encoded.push_back({name, std::move(bytes[at])});
    ++kept;
  }
  out.record.notes.converted[0] = 0;
  out.record.file.count = kept;
}

/// Decodes image i: its pixels go to `to`, or its bytes to `encoded`.
void Packer::take(int64_t i, std::string& buffer, uint8_t* to, std::string* encoded, int64_t& content,
                  io::ImageNotes& notes) const {
  const io::DecodingMemory memory;  // until the image is prepared
  const LargeBufferRelease release(buffer);
  const auto bytes = images_.bytes(i, buffer);
  content = static_cast<int64_t>(images_.pixel_size() ? images_.content(i) : content_hash64(bytes));
  prepare_image(images_, i, bytes, options_.convert, encoded ? nullptr : &preparation_, to, notes);
  if (!encoded) return;
  *encoded = bytes;
  notes = {};  // the notes describe a preparation, and the file is kept as it is
}

/// Writes the files beside the shards, and publishes the set.
void Packer::finish(const StagingFolder& staging, PackedPart& part) const {
  const auto& folder = staging.folder();
  std::string names;
  std::vector<int64_t> content, places;
  std::vector<PackedManifest::File> shards_here, files;
  for (int64_t k = 0; k < shards(); ++k) {
    const auto record = read_shard_record(shard_record_path(folder, k), /*check_content=*/false);
    if (!record) throw SystemError(text(folder.string(), ": shard ", k, " was removed during packing"));
    if (record->file.count == 0) continue;
    names += record->names;
    content.insert(content.end(), record->content.begin(), record->content.end());
    for (size_t i = 0; i < record->places.size(); i += 2) {
      places.insert(places.end(), {static_cast<int64_t>(shards_here.size()), record->places[i], record->places[i + 1]});
    }
    shards_here.push_back(record->file);
    part.images += record->file.count;
  }
  const auto integers = [](std::vector<int64_t>& values, std::vector<int64_t> shape) {
    return io::npy_bytes(torch::from_blob(values.data(), shape, torch::kInt64));
  };
  files.push_back(write_beside_shards(folder, "names.txt", names));
  files.push_back(write_beside_shards(folder, "content.npy", integers(content, {part.images})));
  if (options_.encoded) files.push_back(write_beside_shards(folder, "places.npy", integers(places, {part.images, 3})));
  for (const auto* list : {&shards_here, &files}) {
    for (const auto& file : *list) part.bytes += file.bytes;
  }
  // With its manifest the set is complete.
  real_files().replace(folder / "manifest.json", packed_manifest_text(shards_here, files, part, options_));
  staging.publish(destination_);
}

}  // namespace monge::data
