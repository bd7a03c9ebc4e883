#include "monge/run/tfrecord.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "monge/core/error.h"

namespace monge::run {
namespace {

constexpr std::array<uint32_t, 256> crc_table() {
  std::array<uint32_t, 256> out{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t remainder = i;
    for (int bit = 0; bit < 8; ++bit) remainder = (remainder >> 1) ^ (remainder & 1 ? 0x82F63B78u : 0);
    out[i] = remainder;
  }
  return out;
}

uint32_t masked(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8u; }

template <class Unsigned>
std::string little_endian(Unsigned value) {
  std::string out(sizeof(value), '\0');
  for (size_t i = 0; i < sizeof(value); ++i) out[i] = static_cast<char>(value >> (8 * i));
  return out;
}

/// @param bytes  at least sizeof(Unsigned).
template <class Unsigned>
Unsigned from_little_endian(std::string_view bytes) {
  Unsigned out = 0;
  for (size_t i = 0; i < sizeof(out); ++i) out |= static_cast<Unsigned>(static_cast<uint8_t>(bytes[i])) << (8 * i);
  return out;
}

constexpr int64_t kHeader = 12, kFooter = 4;

/// Reads a file from its start and counts the bytes that remain.
class Reader {
 public:
  explicit Reader(const std::filesystem::path& path) : path_(path), in_(path, std::ios::binary | std::ios::ate) {
    require(in_.is_open(), path.string(), ": cannot be read: ", std::strerror(errno));
    size_ = in_.tellg();
    in_.seekg(0);
    if (!in_ || size_ < 0) fail();
  }

  int64_t size() const { return size_; }
  int64_t left() const { return size_ - at_; }

  /// The next `count` bytes; at least that many must remain.
  const std::string& next(int64_t count) {
    buffer_.resize(static_cast<size_t>(count));
    if (!in_.read(buffer_.data(), count)) fail();
    at_ += count;
    return buffer_;
  }

  bool only_zeros_from(int64_t at) {
    in_.seekg(at);
    for (at_ = at; left() > 0;) {
      if (next(std::min<int64_t>(left(), 1 << 16)).find_first_not_of('\0') != std::string::npos) return false;
    }
    return true;
  }

 private:
  [[noreturn]] void fail() const { throw SystemError(text(path_.string(), ": cannot be read to its end")); }

  std::filesystem::path path_;
  std::ifstream in_;
  int64_t size_ = 0, at_ = 0;
  std::string buffer_;
};

/// Reads past one record. @return none if it is sound.
SoundRecords::Rest pass_record(Reader& in) {
  using Rest = SoundRecords::Rest;
  if (in.left() < kHeader) return Rest::cut;
  const std::string header = in.next(kHeader);
  const std::string_view length = std::string_view(header).substr(0, 8);
  if (from_little_endian<uint32_t>(std::string_view(header).substr(8)) != masked(crc32c(length))) return Rest::damaged;
  const auto payload = from_little_endian<uint64_t>(length);
  if (payload > static_cast<uint64_t>(std::max<int64_t>(in.left() - kFooter, 0)) || in.left() < kFooter)
    return Rest::cut;
  const uint32_t sum = masked(crc32c(in.next(static_cast<int64_t>(payload))));
  return from_little_endian<uint32_t>(in.next(kFooter)) == sum ? Rest::none : Rest::damaged;
}

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  static constexpr auto table = crc_table();
  uint32_t crc = ~0u;
  for (const char byte : bytes) crc = table[(crc ^ static_cast<uint8_t>(byte)) & 255] ^ (crc >> 8);
  return ~crc;
}

std::string tfrecord(std::string_view payload) {
  const auto length = little_endian(static_cast<uint64_t>(payload.size()));
  std::string out = length + little_endian(masked(crc32c(length)));
  out += payload;
  return out + little_endian(masked(crc32c(payload)));
}

SoundRecords sound_records(const std::filesystem::path& path) {
  Reader in(path);
  SoundRecords out{.size = in.size()};
  while (in.left() > 0) {
    out.rest = pass_record(in);
    if (out.rest != SoundRecords::Rest::none) break;
    ++out.count;
    out.bytes = out.size - in.left();
  }
  if (out.rest != SoundRecords::Rest::none && in.only_zeros_from(out.bytes)) out.rest = SoundRecords::Rest::zeros;
  return out;
}

}  // namespace monge::run
