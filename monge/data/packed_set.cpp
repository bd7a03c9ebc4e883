#include "monge/data/packed_set.h"

#include <algorithm>
#include <mutex>
#include <nlohmann/json.hpp>

#include "monge/core/checked.h"
#include "monge/core/files.h"
#include "monge/core/format_version.h"
#include "monge/core/names.h"
#include "monge/core/read_at.h"
#include "monge/data/encoded_buffer.h"
#include "monge/data/image_collection_kinds.h"
#include "monge/data/name_list.h"
#include "monge/data/parallel.h"
#include "monge/io/decoding_memory.h"
#include "monge/io/npy.h"
#include "monge/io/tensor_file.h"

namespace monge::data {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kManifest = "manifest.json";
constexpr int64_t kMostManifest = int64_t{1} << 30;

[[noreturn]] void refuse_manifest(const fs::path& folder, const std::string& what) {
  throw InputError({.what = "the manifest " + what,
                    .where = (folder / kManifest).string(),
                    .fix = "copy the set again, or pack it anew"});
}

/// Parses a file of the set. Its name must be a bare name, so that a manifest cannot point outside the set.
PackedManifest::File file_of(const fs::path& folder, const json& entry) {
  const auto get = [&](const char* key) -> int64_t {
    const auto found = entry.find(key);
    const bool fits = found != entry.end() && found->is_number_integer() && found->get<int64_t>() >= 0;
    if (!fits) refuse_manifest(folder, text("lists a file without a valid \"", key, '"'));
    return found->get<int64_t>();
  };
  if (!entry.is_object() || !entry.value("file", json()).is_string() || !entry.value("xxh3", json()).is_string())
    refuse_manifest(folder, "lists a file without a name or hash");
  PackedManifest::File out{entry["file"].get<std::string>(), get("count"), get("bytes"),
                           entry["xxh3"].get<std::string>()};
  if (out.name.empty() || out.name[0] == '.' || fs::path(out.name).filename() != out.name)
    refuse_manifest(folder, "names the file " + shown(out.name) + ", which is outside the set");
  return out;
}

/// The common part of pixels and encoded images: the names and the hashes, which are read at their first use.
class PackedImages : public ImageCollection {
 public:
  PackedImages(fs::path folder, PackedManifest manifest) : folder_(std::move(folder)), manifest_(std::move(manifest)) {
    for (const auto& shard : manifest_.shards) {
      files_.push_back(std::make_unique<ReadAt>(folder_ / shard.name));
      ends_.push_back((ends_.empty() ? 0 : ends_.back()) + shard.count);
    }
  }

  int64_t size() const override { return manifest_.count; }
  std::string name(int64_t i) const override {
    std::call_once(names_read_, [this] { read_names(); });
    return std::string(names_[i]);
  }
  std::string where(int64_t i) const override { return text(folder_.string(), '/', name(i)); }
  std::string whole_stamp() const override { return content_hash(real_files().read(folder_ / kManifest)); }
  uint64_t content(int64_t i) const override {
    std::call_once(content_read_, [this] { content_ = read_integers("content.npy", 1); });
    return static_cast<uint64_t>(content_.data_ptr<int64_t>()[i]);
  }

 protected:
  /// int64 [N], or [N, columns].
  torch::Tensor read_integers(const char* file, int64_t columns) const {
    const auto path = folder_ / file;
    const auto out = io::read_npy(path);
    const bool fits = out.scalar_type() == torch::kInt64 && out.dim() == (columns == 1 ? 1 : 2) &&
                      out.size(0) == size() && out.numel() == size() * columns;
    require(fits, path.string(), ": must hold int64 [", size(), columns == 1 ? "" : text(", ", columns), "], holds ",
            io::type_name(out.scalar_type()), " ", out.sizes(), "; copy the set again, or pack it anew");
    return out;
  }
  const ReadAt& file(size_t shard) const { return *files_[shard]; }

  fs::path folder_;
  PackedManifest manifest_;
  std::vector<int64_t> ends_;  ///< ends of the shards, in images

 private:
  void read_names() const {
    const auto path = folder_ / "names.txt";
    const auto all = real_files().read(path);
    NameList names;
    for (size_t at = 0; at < all.size();) {
      const auto end = std::min(all.find('\n', at), all.size());
      const auto name = packed_name_of_line(std::string_view(all).substr(at, end - at));
      if (!stays_inside(name)) {
        throw InputError(text(path.string(), ", line ", names.size() + 1, ": the name ", shown(name),
                              " is empty, absolute or leaves the set by \"..\""));
      }
      names.add(name);
      at = end + 1;
    }
    require(names.size() == size(), path.string(), ": has ", names.size(), " lines for ", size(),
            " images; copy the set again, or pack it anew");
    names_ = std::move(names);
  }

  std::vector<std::unique_ptr<ReadAt>> files_;
  mutable std::once_flag names_read_, content_read_;
  mutable NameList names_;
  mutable torch::Tensor content_;
};

class PixelImages : public PackedImages {
 public:
  PixelImages(fs::path folder, PackedManifest manifest) : PackedImages(std::move(folder), std::move(manifest)) {
    item_ = manifest_.height * manifest_.width * 3;
    for (size_t s = 0; s < manifest_.shards.size(); ++s) {
      const auto& shard = manifest_.shards[s];
      const auto expected = io::npy_header(torch::kUInt8, {shard.count, manifest_.height, manifest_.width, 3});
      std::string header(std::min(expected.size(), static_cast<size_t>(shard.bytes)), '\0');
      file(s).read(0, header.data(), static_cast<int64_t>(header.size()));
      require(header == expected, (folder_ / shard.name).string(), ": is not a .npy file of uint8 [", shard.count, ", ",
              manifest_.height, ", ", manifest_.width,
              ", 3] as the manifest requires; copy the set again, or pack it anew");
      const auto before = static_cast<int64_t>(header.size());
      const auto whole = checked_add(before, checked_multiply(shard.count, item_, shard.name), shard.name);
      require(shard.bytes == whole, (folder_ / shard.name).string(), ": has ", shard.bytes, " bytes instead of ", whole,
              "; copy the set again, or pack it anew");
      headers_.push_back(before);
    }
  }

  std::optional<PixelSize> pixel_size() const override { return PixelSize{manifest_.height, manifest_.width}; }
  void copy_pixels(int64_t i, uint8_t* to) const override {
    const auto shard = static_cast<size_t>(std::upper_bound(ends_.begin(), ends_.end(), i) - ends_.begin());
    const int64_t own = i - (shard == 0 ? 0 : ends_[shard - 1]);
    file(shard).read(headers_[shard] + own * item_, to, item_);
  }
  std::string_view bytes(int64_t i, std::string& buffer) const override {
    hold_buffer(buffer, item_, folder_.string());  // not the name, which would have to be read
    buffer.resize(static_cast<size_t>(item_));
    copy_pixels(i, reinterpret_cast<uint8_t*>(buffer.data()));
    return buffer;
  }
  int64_t length(int64_t) const override { return item_; }
  bool known_grey() const override { return manifest_.grey; }
  torch::Tensor decode(int64_t, std::string_view bytes, const io::DecodeOptions&,
                       io::ImageNotes& notes) const override {
    notes.grey = manifest_.grey;
    const io::DecodingMemory memory;
    constexpr int64_t kPrepared = 3;  // the image, its colours and a part that is cut out
    io::DecodingMemory::of_thread()->hold_decoded(kPrepared * item_, folder_.string());
    auto out = torch::empty({manifest_.height, manifest_.width, 3}, torch::kUInt8);
    std::copy_n(bytes.data(), item_, reinterpret_cast<char*>(out.data_ptr<uint8_t>()));
    return out;
  }

 private:
  int64_t item_ = 0;
  std::vector<int64_t> headers_;
};

class EncodedImages : public PackedImages {
 public:
  EncodedImages(fs::path folder, PackedManifest manifest)
      : PackedImages(std::move(folder), std::move(manifest)), locations_(read_integers("places.npy", 3)) {
    const auto* place = locations_.data_ptr<int64_t>();
    for (int64_t i = 0; i < size(); ++i, place += 3) {
      const bool fits = place[0] >= 0 && place[0] < static_cast<int64_t>(manifest_.shards.size()) && place[1] >= 0 &&
                        place[2] >= 0 && place[1] <= manifest_.shards[static_cast<size_t>(place[0])].bytes &&
                        place[2] <= manifest_.shards[static_cast<size_t>(place[0])].bytes - place[1];
      if (fits) continue;
      throw InputError(text((folder_ / "places.npy").string(), ": image ", i,
                            " is outside its shard; copy the set again, or pack it anew"));
    }
  }

  std::string_view bytes(int64_t i, std::string& buffer) const override {
    const auto* place = locations_.data_ptr<int64_t>() + 3 * i;
    constexpr int64_t kMostBytes = int64_t{1} << 30;
    if (place[2] > kMostBytes)
      throw InputError(text(where(i), ": has ", place[2], " bytes, too many for an image (at most 1 GiB)"));
    hold_buffer(buffer, place[2], where(i));
    buffer.resize(static_cast<size_t>(place[2]));
    file(static_cast<size_t>(place[0])).read(place[1], buffer.data(), place[2]);
    return buffer;
  }
  int64_t length(int64_t i) const override { return locations_.data_ptr<int64_t>()[3 * i + 2]; }

 private:
  torch::Tensor locations_;
};

}  // namespace

bool is_packed_set(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_regular_file(path / kManifest, ignored)) return false;
  // A folder of images may contain the manifest of something else.
  const auto bytes = fs::file_size(path / kManifest, ignored);
  return !ignored && static_cast<int64_t>(bytes) <= kMostManifest &&
         real_files().read(path / kManifest).find(kPackedFormat) != std::string::npos;
}

PackedManifest read_packed_manifest(const fs::path& folder) {
  // No manifest is deeper. Copying deeply nested JSON would overflow the stack.
  constexpr int kMostDepth = 8;
  bool too_deep = false;
  const auto watch = [&](int depth, json::parse_event_t, json&) {
    too_deep = too_deep || depth > kMostDepth;
    return !too_deep;
  };
  const auto all = json::parse(real_files().read(folder / kManifest, kMostManifest), watch, /*allow_exceptions=*/false);
  if (too_deep || !all.is_object() || all.value("format", json()) != kPackedFormat)
    refuse_manifest(folder, "is not that of a packed set");
  require_format_version((folder / kManifest).string(), "packed set", all.value("version", json()).dump(),
                         kPackedVersion);
  PackedManifest out;
  const auto integer = [&](const char* key, int64_t least, int64_t most) {
    const auto found = all.find(key);
    const bool fits = found != all.end() && found->is_number_integer() && found->get<int64_t>() >= least &&
                      found->get<int64_t>() <= most;
    if (!fits) refuse_manifest(folder, text("has no valid \"", key, "\" (", least, " to ", most, ')'));
    return found->get<int64_t>();
  };
  const auto kind = all.value("kind", json());
  if (kind != "pixels" && kind != "encoded") refuse_manifest(folder, "has no \"kind\" (pixels, encoded)");
  out.encoded = kind == "encoded";
  constexpr int64_t kMostCount = int64_t{1} << 40, kMostSide = 1 << 16;
  out.count = integer("count", 1, kMostCount);
  if (!out.encoded) {
    out.height = integer("height", 1, kMostSide);
    out.width = integer("width", 1, kMostSide);
    out.grey = all.value("grey", json()) == true;
  }
  int64_t images = 0;
  for (const auto& [key, list] : {std::pair{"shards", &out.shards}, {"files", &out.files}}) {
    if (!all.value(key, json()).is_array()) refuse_manifest(folder, text("has no list \"", key, '"'));
    for (const auto& entry : all[key]) list->push_back(file_of(folder, entry));
  }
  for (const auto& shard : out.shards) images = checked_add(images, shard.count, (folder / kManifest).string());
  if (images != out.count) refuse_manifest(folder, text("counts ", out.count, " images, but its shards hold ", images));
  for (const auto* list : {&out.shards, &out.files}) {
    for (const auto& file : *list) {
      const auto path = folder / file.name;
      std::error_code failure;
      const auto bytes = fs::file_size(path, failure);
      require(!failure, path.string(), ": is missing or cannot be read (", failure.message(),
              "); copy the set again, or pack it anew");
      require(static_cast<int64_t>(bytes) == file.bytes, path.string(), ": has ", bytes, " bytes instead of ",
              file.bytes, "; copy the set again, or pack it anew");
    }
  }
  return out;
}

std::shared_ptr<const ImageCollection> open_packed_set(const fs::path& folder) {
  auto manifest = read_packed_manifest(folder);
  if (manifest.encoded) return std::make_shared<EncodedImages>(folder, std::move(manifest));
  return std::make_shared<PixelImages>(folder, std::move(manifest));
}

std::vector<std::string> verify_packed_set(const fs::path& folder,
                                           const std::function<void(int64_t, int64_t)>& progress,
                                           const std::atomic<bool>& stop) {
  const auto manifest = read_packed_manifest(folder);
  auto files = manifest.shards;
  files.insert(files.end(), manifest.files.begin(), manifest.files.end());
  int64_t all = 0, done = 0;
  for (const auto& file : files) all += file.bytes;
  std::vector<std::string> out(files.size());
  std::mutex guard;
  for_each_parallel(static_cast<int64_t>(files.size()), [&] {
    return [&, block = std::string()](int64_t k) mutable {
      const auto& file = files[static_cast<size_t>(k)];
      const ReadAt from(folder / file.name);
      ContentHash hash;
      constexpr int64_t kBlock = 1 << 22;
      for (int64_t at = 0; at < file.bytes && !stop; at += kBlock) {
        const auto length = std::min(kBlock, file.bytes - at);
        block.resize(static_cast<size_t>(length));
        from.read(at, block.data(), length);
        hash.add(block);
        const std::lock_guard lock(guard);
        done += length;
        if (progress) progress(done, all);
      }
      if (!stop && hash.digits() != file.xxh3) {
        out[static_cast<size_t>(k)] =
            text((folder / file.name).string(), ": is damaged (its hash differs from that in the manifest)");
      }
    };
  });
  std::erase(out, "");
  return out;
}

std::string packed_name_line(std::string_view name) {
  std::string out;
  for (const char c : name) {
    out += c == '\n' ? "%0A" : c == '\r' ? "%0D" : c == '%' ? "%25" : std::string(1, c);
  }
  return out;
}

std::string packed_name_of_line(std::string_view line) {
  std::string out;
  for (size_t i = 0; i < line.size(); ++i) {
    const auto code = line.substr(i, 3);
    const char meant = code == "%0A" ? '\n' : code == "%0D" ? '\r' : code == "%25" ? '%' : '\0';
    out += meant == '\0' ? line[i] : meant;
    i += meant == '\0' ? 0 : 2;
  }
  return out;
}

ImageCollectionKind packed_set_kind() {
  const auto open = [](const std::string& path, const LogSink&) {
    const auto member = member_path(path);
    require(member.members.empty() && !member.all, member.set,
            ": is a packed set, which has no members to choose from; choose them when packing");
    return open_packed_set(member.set);
  };
  return {.name = "packed set",
          .help = "packed set",
          .place = 50,
          .matches = [](const std::string& path) { return is_packed_set(member_path(path).set); },
          .open = open};
}

}  // namespace monge::data
