#include "monge/io/stored_zip.h"

#include <zlib.h>  // crc32

#include <algorithm>
#include <cstring>
#include <unordered_set>

#include "monge/core/error.h"
#include "monge/io/tensor_file.h"

namespace monge::io {
namespace {

constexpr uint32_t local_signature = 0x04034b50, central_signature = 0x02014b50, end_signature = 0x06054b50,
                   end64_signature = 0x06064b50, locator64_signature = 0x07064b50;
constexpr uint64_t local_size = 30, central_size = 46, end_size = 22, end64_size = 56, locator64_size = 20;
constexpr uint64_t alignment = 64;
constexpr uint16_t padding_id = 0x4246;  // "FB", as torch names it
constexpr uint16_t zip64_id = 1;

uint32_t checksum(std::string_view bytes) {
  return static_cast<uint32_t>(::crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

/// Reads numbers at places that are checked first.
class Reader {
 public:
  Reader(std::string_view bytes, const std::string& file) : bytes_(bytes), file_(file) {}

  uint64_t size() const { return bytes_.size(); }
  std::string_view part(uint64_t at, uint64_t count) const {
    check(at <= bytes_.size() && count <= bytes_.size() - at, "a part that lies outside of the file");
    return bytes_.substr(at, count);
  }
  template <class T>
  T number(uint64_t at) const {
    T out;
    std::memcpy(&out, part(at, sizeof out).data(), sizeof out);
    return out;
  }
  uint16_t u16(uint64_t at) const { return number<uint16_t>(at); }
  uint32_t u32(uint64_t at) const { return number<uint32_t>(at); }
  uint64_t u64(uint64_t at) const { return number<uint64_t>(at); }

  void check(bool fine, std::string_view what) const {
    require(fine, file_, ": the zip archive has ", what, "; the file is cut or damaged, copy or download it again");
  }

 private:
  std::string_view bytes_;
  const std::string& file_;
};

struct Directory {
  uint64_t begin = 0, end = 0, entries = 0;
};

Directory find_directory(const Reader& zip) {
  zip.check(zip.size() >= end_size, "no directory");
  uint64_t at = zip.size() - end_size;
  const uint64_t stop = at - std::min<uint64_t>(at, 0xffff);  // a comment can follow
  while (zip.u32(at) != end_signature) zip.check(at-- > stop, "no directory at its end");

  Directory out{.begin = zip.u32(at + 16), .end = at, .entries = zip.u16(at + 10)};
  if (at >= locator64_size && zip.u32(at - locator64_size) == locator64_signature) {
    const uint64_t end64 = zip.u64(at - locator64_size + 8);
    zip.part(end64, end64_size);
    zip.check(zip.u32(end64) == end64_signature, "no 64-bit directory where it should be");
    out = {.begin = zip.u64(end64 + 48), .end = end64, .entries = zip.u64(end64 + 32)};
  }
  zip.check(out.begin <= out.end && out.entries <= (out.end - out.begin) / central_size,
            "a directory of an impossible size");
  return out;
}

/// Size and place of an entry. Where the 32-bit fields are full, the real ones stand in extra field 1, in this order.
struct Place {
  uint64_t size, packed, header;
};

Place place_of(const Reader& zip, uint64_t at, std::string_view extra, const std::string& file) {
  Place out{.size = zip.u32(at + 24), .packed = zip.u32(at + 20), .header = zip.u32(at + 42)};
  const Reader fields(extra, file);
  for (uint64_t field = 0; field + 4 <= extra.size(); field += 4u + fields.u16(field + 2)) {
    if (fields.u16(field) != zip64_id) continue;
    uint64_t next = field + 4;
    for (auto* value : {&out.size, &out.packed, &out.header}) {
      if (*value != 0xffffffff) continue;
      *value = fields.u64(next);
      next += 8;
    }
    break;
  }
  return out;
}

template <class T>
void put(std::string& out, T number) {
  out.append(reinterpret_cast<const char*>(&number), sizeof number);
}

/// The fields that the local header and the directory have in common, from "version needed" to the length of the name.
void put_common(std::string& out, std::string_view name, std::string_view bytes, uint32_t crc) {
  put<uint16_t>(out, 20);          // version 2.0
  put<uint16_t>(out, 0x0800);      // names are UTF-8
  put<uint16_t>(out, 0);           // stored
  put<uint32_t>(out, 0x00210000);  // 1 January 1980: the same tensors give the same file
  put<uint32_t>(out, crc);
  put<uint32_t>(out, static_cast<uint32_t>(bytes.size()));
  put<uint32_t>(out, static_cast<uint32_t>(bytes.size()));
  put<uint16_t>(out, static_cast<uint16_t>(name.size()));
}

}  // namespace

std::vector<ZipEntry> read_stored_zip(std::string_view archive, const std::string& file) {
  const Reader zip(archive, file);
  const auto directory = find_directory(zip);
  std::vector<ZipEntry> out;
  std::vector<uint32_t> checksums;
  std::vector<std::pair<uint64_t, uint64_t>> ranges;
  std::unordered_set<std::string> names;

  uint64_t at = directory.begin;
  for (uint64_t i = 0; i < directory.entries; ++i) {
    zip.check(zip.u32(at) == central_signature, "a damaged directory");
    const uint64_t name_size = zip.u16(at + 28), extra_size = zip.u16(at + 30), comment_size = zip.u16(at + 32);
    const std::string name(zip.part(at + central_size, name_size));
    const auto place = place_of(zip, at, zip.part(at + central_size + name_size, extra_size), file);
    require((zip.u16(at + 8) & 1) == 0, file, ": the entry ", shown(name), " is encrypted; save it without a password");
    require(zip.u16(at + 10) == 0 && place.packed == place.size, file, ": the entry ", shown(name),
            " is compressed; torch.save stores entries as they are, so save it again with torch.save");
    require(names.insert(name).second, file, ": the entry ", shown(name), " comes twice; the file is damaged");

    zip.check(zip.u32(place.header) == local_signature, "no entry where its directory says");
    const uint64_t data = place.header + local_size + zip.u16(place.header + 26) + zip.u16(place.header + 28);
    out.push_back({.name = name, .bytes = zip.part(data, place.size)});
    zip.check(data + place.size <= directory.begin, "an entry inside of its directory");
    ranges.emplace_back(place.header, data + place.size);
    checksums.push_back(zip.u32(at + 16));
    at += central_size + name_size + extra_size + comment_size;
  }
  zip.check(at <= directory.end, "a directory of an impossible size");

  // Overlapping entries would let a small file stand for much data.
  std::sort(ranges.begin(), ranges.end());
  for (size_t i = 1; i < ranges.size(); ++i) zip.check(ranges[i - 1].second <= ranges[i].first, "entries that overlap");
  for (size_t i = 0; i < out.size(); ++i) {
    // torch.save writes 0 where it was told not to compute checksums.
    require(checksums[i] == 0 || checksums[i] == checksum(out[i].bytes), file, ": the checksum of the entry ",
            shown(out[i].name), " is wrong; the file is damaged, copy or download it again");
  }
  return out;
}

void StoredZipWriter::add(std::string_view name, std::string_view bytes) {
  const uint64_t header = archive_.size(), unpadded = header + local_size + name.size() + 4;
  const uint64_t padding = (alignment - unpadded % alignment) % alignment;
  require(
      name.size() <= 0xffff && unpadded + padding + bytes.size() + directory_.size() < 0xf0000000 && entries_ < 0xfff0,
      "a checkpoint in PyTorch's format ends at 4 GiB and 65000 tensors here; write safetensors instead");

  const uint32_t crc = checksum(bytes);
  put(archive_, local_signature);
  put_common(archive_, name, bytes, crc);
  put<uint16_t>(archive_, static_cast<uint16_t>(4 + padding));
  archive_.append(name);
  put<uint16_t>(archive_, padding_id);
  put<uint16_t>(archive_, static_cast<uint16_t>(padding));
  archive_.append(padding, 'Z').append(bytes);

  put(directory_, central_signature);
  put<uint16_t>(directory_, 20);
  put_common(directory_, name, bytes, crc);
  directory_.append(2 + 2 + 2 + 2 + 4, '\0');  // no extra field, no comment, first disk, no attributes
  put<uint32_t>(directory_, static_cast<uint32_t>(header));
  directory_.append(name);
  ++entries_;
}

std::string StoredZipWriter::finish() {
  const auto begin = static_cast<uint32_t>(archive_.size());
  archive_.append(directory_);
  put(archive_, end_signature);
  put<uint32_t>(archive_, 0);  // one disk
  put<uint16_t>(archive_, entries_);
  put<uint16_t>(archive_, entries_);
  put<uint32_t>(archive_, static_cast<uint32_t>(directory_.size()));
  put<uint32_t>(archive_, begin);
  put<uint16_t>(archive_, 0);  // no comment
  auto out = std::move(archive_);
  *this = {};
  return out;
}

}  // namespace monge::io
