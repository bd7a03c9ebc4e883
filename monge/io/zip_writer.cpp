#include "monge/io/zip_writer.h"

#include <zlib.h>  // crc32

#include <utility>

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/io/zip_format.h"

namespace monge::io {
namespace {

constexpr uint64_t kFull = 0xffffffff;
constexpr uint16_t kPaddingField = 0x4246;  // "FB", as in torch
constexpr uint16_t kUnix = 3 << 8, kVersion = 20, kVersion64 = 45;

template <class T>
void put(std::string& out, T number) {
  out.append(reinterpret_cast<const char*>(&number), sizeof number);
}

uint32_t low(uint64_t value) { return value >= kFull ? static_cast<uint32_t>(kFull) : static_cast<uint32_t>(value); }

/// Appends the fields that the local header and the directory share, from "version needed" to the length of the name.
void put_common(std::string& out, std::string_view name, uint64_t size, uint32_t crc, bool wide) {
  put<uint16_t>(out, wide ? kVersion64 : kVersion);
  put<uint16_t>(out, is_utf8(name) ? kUtf8Flag : 0);
  put<uint16_t>(out, 0);           // stored
  put<uint32_t>(out, 0x00210000);  // 1 January 1980
  put<uint32_t>(out, crc);
  put<uint32_t>(out, low(size));
  put<uint32_t>(out, low(size));
  put<uint16_t>(out, static_cast<uint16_t>(name.size()));
}

}  // namespace

ZipWriter::ZipWriter(Sink sink, uint64_t alignment) : sink_(std::move(sink)), alignment_(alignment) {}

void ZipWriter::write(std::string_view bytes) {
  sink_(bytes);
  written_ += bytes.size();
}

void ZipWriter::add(std::string_view name, std::string_view bytes) {
  require(name.size() <= 0xffff, "the name ", shown(name), " has ", name.size(),
          " bytes; a zip archive allows at most 65535");
  const uint64_t place = written_, size = bytes.size();
  const bool large = size >= kFull, far = place >= kFull;
  const auto crc = static_cast<uint32_t>(::crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));

  std::string extra;
  if (large) {
    put<uint16_t>(extra, kZip64Field);
    put<uint16_t>(extra, 16);
    put<uint64_t>(extra, size);
    put<uint64_t>(extra, size);
  }
  if (alignment_ > 1) {
    const uint64_t unpadded = place + kLocalSize + name.size() + extra.size() + 4;
    const uint64_t padding = (alignment_ - unpadded % alignment_) % alignment_;
    put<uint16_t>(extra, kPaddingField);
    put<uint16_t>(extra, static_cast<uint16_t>(padding));
    extra.append(padding, 'Z');
  }
  std::string header;
  put(header, kLocalSignature);
  put_common(header, name, size, crc, large);
  put<uint16_t>(header, static_cast<uint16_t>(extra.size()));
  header.append(name).append(extra);
  write(header);
  write(bytes);

  std::string wide;
  if (large) {
    put<uint64_t>(wide, size);
    put<uint64_t>(wide, size);
  }
  if (far) put<uint64_t>(wide, place);
  put(directory_, kCentralSignature);
  put<uint16_t>(directory_, kUnix | (large || far ? kVersion64 : kVersion));
  put_common(directory_, name, size, crc, large || far);
  put<uint16_t>(directory_, static_cast<uint16_t>(wide.empty() ? 0 : 4 + wide.size()));
  directory_.append(2 + 2 + 2, '\0');                               // no comment, first disk, binary
  put<uint32_t>(directory_, static_cast<uint32_t>(0100644) << 16);  // a regular file
  put<uint32_t>(directory_, low(place));
  directory_.append(name);
  if (!wide.empty()) {
    put<uint16_t>(directory_, kZip64Field);
    put<uint16_t>(directory_, static_cast<uint16_t>(wide.size()));
    directory_.append(wide);
  }
  ++entries_;
}

void ZipWriter::finish() {
  const uint64_t begin = written_, size = directory_.size();
  const bool wide = begin >= kFull || size >= kFull || entries_ >= 0xffff;
  std::string end;
  if (wide) {
    put(end, kEnd64Signature);
    put<uint64_t>(end, 44);  // bytes that follow in this record
    put<uint16_t>(end, kUnix | kVersion64);
    put<uint16_t>(end, kVersion64);
    put<uint64_t>(end, 0);  // one disk
    put<uint64_t>(end, entries_);
    put<uint64_t>(end, entries_);
    put<uint64_t>(end, size);
    put<uint64_t>(end, begin);
    put(end, kLocator64Signature);
    put<uint32_t>(end, 0);
    put<uint64_t>(end, begin + size);
    put<uint32_t>(end, 1);
  }
  const auto count = static_cast<uint16_t>(entries_ >= 0xffff ? 0xffff : entries_);
  put(end, kEndSignature);
  put<uint32_t>(end, 0);  // one disk
  put(end, count);
  put(end, count);
  put<uint32_t>(end, low(size));
  put<uint32_t>(end, low(begin));
  put<uint16_t>(end, 0);  // no comment
  write(directory_);
  write(end);
  directory_.clear();
  written_ = entries_ = 0;
}

std::string StoredZipWriter::finish() {
  writer_.finish();
  return std::exchange(archive_, {});
}

}  // namespace monge::io
