#include "monge/io/zip_directory.h"

#include <zlib.h>  // crc32

#include <algorithm>
#include <cstring>
#include <optional>

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/io/zip_format.h"

namespace monge::io {
namespace {

/// Reads numbers at offsets, with a bounds check.
class ZipBytes {
 public:
  ZipBytes(std::string_view bytes, const std::string& file) : bytes_(bytes), file_(file) {}

  uint64_t size() const { return bytes_.size(); }
  std::string_view part(uint64_t at, uint64_t count) const {
    check(at <= bytes_.size() && count <= bytes_.size() - at, "a part outside the file");
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
    if (!fine)
      throw InputError(
          text(file_, ": the zip archive has ", what, "; the file is truncated or damaged, copy or download it again"));
  }

 private:
  std::string_view bytes_;
  const std::string& file_;
};

struct Extent {
  uint64_t begin = 0, end = 0, entries = 0;
  uint64_t before = 0;  ///< bytes before the archive, such as a program that unpacks it
};

Extent find_directory(const ZipBytes& zip) {
  zip.check(zip.size() >= kEndSize, "no directory");
  uint64_t at = zip.size() - kEndSize;
  const uint64_t stop = at - std::min<uint64_t>(at, 0xffff);  // a comment may follow
  while (zip.u32(at) != kEndSignature) zip.check(at-- > stop, "no directory at its end");

  uint64_t size = zip.u32(at + 12);
  Extent out{.begin = zip.u32(at + 16), .end = at, .entries = zip.u16(at + 10)};
  if (at >= kLocator64Size && zip.u32(at - kLocator64Size) == kLocator64Signature) {
    uint64_t end64 = zip.u64(at - kLocator64Size + 8);
    const uint64_t usual = at - kLocator64Size - std::min(at - kLocator64Size, kEnd64Size);
    if (end64 > usual || zip.u32(end64) != kEnd64Signature) end64 = usual;
    zip.part(end64, kEnd64Size);
    zip.check(zip.u32(end64) == kEnd64Signature, "no 64-bit directory where it should be");
    size = zip.u64(end64 + 40);
    out = {.begin = zip.u64(end64 + 48), .end = end64, .entries = zip.u64(end64 + 32)};
  }
  const bool moved =
      out.entries > 0 && size <= out.end && out.begin < out.end - size && zip.u32(out.begin) != kCentralSignature;
  if (moved) out.before = out.end - size - out.begin, out.begin = out.end - size;
  zip.check(out.begin <= out.end && out.entries <= (out.end - out.begin) / kCentralSize,
            "a directory of an impossible size");
  return out;
}

/// The content of an extra field, or nothing.
std::optional<std::string_view> extra_field(std::string_view extra, uint16_t id, const std::string& file) {
  const ZipBytes fields(extra, file);
  for (uint64_t at = 0; at + 4 <= extra.size();) {
    const uint64_t size = fields.u16(at + 2);
    if (fields.u16(at) == id) return fields.part(at + 4, size);
    at += 4 + size;
  }
  return {};
}

/// If 32-bit fields are full, the zip64 field has the real values in this order.
void read_sizes(const ZipBytes& zip, uint64_t at, std::string_view extra, const std::string& file, ZipRecord& out) {
  out.size = zip.u32(at + 24), out.packed = zip.u32(at + 20), out.header = zip.u32(at + 42);
  const auto wide = extra_field(extra, kZip64Field, file);
  if (!wide) return;
  const ZipBytes fields(*wide, file);
  uint64_t next = 0;
  for (auto* value : {&out.size, &out.packed, &out.header}) {
    if (*value != 0xffffffff) continue;
    *value = fields.u64(next);
    next += 8;
  }
}

/// The name in Info-ZIP's field: version 1, the checksum of the name that it replaces, the name in UTF-8.
std::optional<std::string_view> unicode_path(std::string_view raw, std::string_view extra, const std::string& file) {
  const auto field = extra_field(extra, kUnicodePathField, file);
  if (!field || field->size() < 5 || field->front() != 1) return {};
  const auto path = field->substr(5);
  const auto sum = ::crc32_z(0, reinterpret_cast<const Bytef*>(raw.data()), raw.size());
  // A tool that renamed the entry and did not know the field left it outdated.
  if (ZipBytes(*field, file).u32(1) != static_cast<uint32_t>(sum) || path.empty() || !is_utf8(path)) return {};
  return path;
}

std::string name_of(std::string_view raw, uint16_t flags, uint16_t made_by, std::string_view extra,
                    const std::string& file) {
  std::string name(raw);
  if (!(flags & kUtf8Flag)) name = unicode_path(raw, extra, file).value_or(raw);
  // Old versions of .NET write names with the separators of Windows.
  constexpr uint16_t kDos = 0;
  if (made_by >> 8 == kDos && is_utf8(name) && name.find('/') == std::string::npos)
    std::replace(name.begin(), name.end(), '\\', '/');
  return name;
}

}  // namespace

ZipDirectory read_zip_directory(std::string_view archive, const std::string& file) {
  const ZipBytes zip(archive, file);
  const auto extent = find_directory(zip);
  ZipDirectory out{.records = {}, .begin = extent.begin};
  uint64_t at = extent.begin;
  for (uint64_t i = 0; i < extent.entries; ++i) {
    zip.check(zip.u32(at) == kCentralSignature, "a damaged directory");
    const uint64_t name_size = zip.u16(at + 28), extra_size = zip.u16(at + 30), comment_size = zip.u16(at + 32);
    const auto raw = zip.part(at + kCentralSize, name_size),
               extra = zip.part(at + kCentralSize + name_size, extra_size);
    ZipRecord record{.name = {}, .flags = zip.u16(at + 8), .method = zip.u16(at + 10), .crc = zip.u32(at + 16)};
    record.name = name_of(raw, record.flags, zip.u16(at + 4), extra, file);
    read_sizes(zip, at, extra, file, record);
    record.header += extent.before;
    out.records.push_back(std::move(record));
    at += kCentralSize + name_size + extra_size + comment_size;
  }
  zip.check(at <= extent.end, "a directory of an impossible size");
  return out;
}

uint64_t zip_entry_begin(std::string_view archive, const ZipRecord& record, const std::string& file) {
  const ZipBytes zip(archive, file);
  zip.part(record.header, kLocalSize);
  zip.check(zip.u32(record.header) == kLocalSignature, "no entry where its directory says");
  return record.header + kLocalSize + zip.u16(record.header + 26) + zip.u16(record.header + 28);
}

}  // namespace monge::io
