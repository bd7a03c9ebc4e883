#include "monge/run/event_file.h"

#include <array>
#include <bit>
#include <chrono>

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

/// A protobuf message under construction. A key is field * 8 + wire type.
class Message {
 public:
  Message& add_integer(int field, int64_t value) {
    varint(field * 8 + 0);
    varint(static_cast<uint64_t>(value));
    return *this;
  }
  Message& add_double(int field, double value) {
    varint(field * 8 + 1);
    bytes_ += little_endian(std::bit_cast<uint64_t>(value));
    return *this;
  }
  Message& add_bytes(int field, std::string_view value) {
    varint(field * 8 + 2);
    varint(value.size());
    bytes_ += value;
    return *this;
  }
  Message& add_float(int field, float value) {
    varint(field * 8 + 5);
    bytes_ += little_endian(std::bit_cast<uint32_t>(value));
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  void varint(uint64_t value) {
    for (; value >= 128; value >>= 7) bytes_ += static_cast<char>(value | 128);
    bytes_ += static_cast<char>(value);
  }

  std::string bytes_;
};

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

EventFile::EventFile(std::filesystem::path path, const Files& files, Clock clock)
    : path_(std::move(path)), files_(files), clock_(std::move(clock)) {
  require(path_.filename().string().find("tfevents") != std::string::npos, path_.string(),
          ": TensorBoard only shows event files with \"tfevents\" in their name");
  if (std::filesystem::exists(path_)) return;
  files_.append(path_, tfrecord(Message().add_double(1, clock_()).add_bytes(3, "brain.Event:2").bytes()));
}

void EventFile::add_scalars(int64_t step, const std::vector<std::pair<std::string, double>>& figures) {
  Message summary;
  for (const auto& [tag, figure] : figures) {
    summary.add_bytes(1, Message().add_bytes(1, tag).add_float(2, static_cast<float>(figure)).bytes());
  }
  const auto event = Message().add_double(1, clock_()).add_integer(2, step).add_bytes(5, summary.bytes());
  files_.append(path_, tfrecord(event.bytes()));
}

void EventFile::add_image(int64_t step, const std::string& tag, std::string_view png, int64_t height, int64_t width) {
  require(height > 0 && width > 0, "event file: the picture ", tag, " has the size ", width, " x ", height);
  constexpr int64_t rgb = 3;
  const auto image = Message().add_integer(1, height).add_integer(2, width).add_integer(3, rgb).add_bytes(4, png);
  const auto value = Message().add_bytes(1, tag).add_bytes(4, image.bytes());
  const auto summary = Message().add_bytes(1, value.bytes());
  const auto event = Message().add_double(1, clock_()).add_integer(2, step).add_bytes(5, summary.bytes());
  files_.append(path_, tfrecord(event.bytes()));
}

EventFile::Clock EventFile::system_clock() {
  return [] {
    const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration<double>(since_1970).count();
  };
}

}  // namespace monge::run
