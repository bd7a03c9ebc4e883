#include "monge/io/seven_zip_names.h"

#include <lzma.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "monge/core/error.h"

namespace monge::io {
namespace {

/// The property ids of 7zFormat.txt.
enum Id : uint64_t {
  kEnd = 0x00,
  kHeader = 0x01,
  kArchiveProperties = 0x02,
  kAdditionalStreams = 0x03,
  kMainStreams = 0x04,
  kFiles = 0x05,
  kPackInfo = 0x06,
  kUnpackInfo = 0x07,
  kSubStreams = 0x08,
  kSize = 0x09,
  kCrc = 0x0a,
  kFolder = 0x0b,
  kUnpackSize = 0x0c,
  kNumUnpackStream = 0x0d,
  kNames = 0x11,
  kEncodedHeader = 0x17,
};

constexpr std::string_view kSignature = "7z\xbc\xaf\x27\x1c";
constexpr uint64_t kStartHeader = 32, kMostHeaderBytes = uint64_t{1} << 29;

/// A packed stream of bytes. The header itself may be one.
struct Coded {
  uint64_t pack_position = 0, pack_size = 0, unpack_size = 0;
  std::string coder, properties;
};

class Parser {
 public:
  Parser(std::string_view bytes, const std::string& file) : rest_(bytes), file_(file) {}

  uint64_t byte() { return static_cast<uint8_t>(take(1)[0]); }

  /// The number of leading ones of the first byte is the number of bytes that follow; its other bits are the highest.
  uint64_t number() {
    const uint64_t first = byte();
    uint64_t out = 0, mask = 0x80;
    for (int i = 0; i < 8; ++i, mask >>= 1) {
      if ((first & mask) == 0) return out | ((first & (mask - 1)) << (8 * i));
      out |= byte() << (8 * i);
    }
    return out;
  }

  /// A number of items, each of which takes at least one byte.
  uint64_t count() {
    const auto out = number();
    check(out <= rest_.size());
    return out;
  }

  std::string_view take(uint64_t size) {
    check(size <= rest_.size());
    const auto out = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return out;
  }

  void expect(uint64_t id) { check(byte() == id); }

  void check(bool fine) const {
    if (!fine)
      throw InputError(text(file_,
                            ": the directory of the 7z archive is damaged or of an unsupported kind; check that it was "
                            "copied completely"));
  }

  /// The digests of `things` items: a bit for each unless all have a digest, then four bytes per digest.
  /// @return which items have one.
  std::vector<bool> digests(uint64_t things) {
    std::vector<bool> out(things, true);
    uint64_t present = things;
    if (byte() == 0) {
      present = 0;
      const auto marks = take(things / 8 + (things % 8 != 0));
      for (uint64_t i = 0; i < things; ++i) {
        out[i] = (static_cast<uint8_t>(marks[i / 8]) >> (7 - i % 8)) & 1;
        present += out[i];
      }
    }
    check(present <= rest_.size());
    take(4 * present);
    return out;
  }

  /// Reads a description of streams. @return the first one.
  Coded streams() {
    Coded out;
    std::vector<Folder> folders;
    for (auto id = number(); id != kEnd; id = number()) {
      if (id == kPackInfo) {
        out.pack_position = number();
        pack_info(out);
      } else if (id == kUnpackInfo) {
        folders = unpack_info(out);
      } else {
        check(id == kSubStreams);
        sub_streams(folders);
      }
    }
    return out;
  }

  /// The header, or the description of its packed form.
  std::vector<std::string> names() {
    auto id = number();
    if (id == kArchiveProperties) {
      while (number() != kEnd) take(number());
      id = number();
    }
    for (const auto kind : {kAdditionalStreams, kMainStreams}) {
      if (id != kind) continue;
      streams();
      id = number();
    }
    if (id == kEnd) return {};
    check(id == kFiles);
    const auto files = number();
    for (auto property = number(); property != kEnd; property = number()) {
      const auto content = take(number());
      if (property != kNames) continue;
      Parser inner(content, file_);
      inner.expect(0);  // not in another stream
      return inner.utf16_names(files);
    }
    check(files == 0);
    return {};
  }

 private:
  struct Folder {
    uint64_t outputs = 0, streams = 1;
    bool has_digest = false;
  };

  void pack_info(Coded& out) {
    const auto streams = count();
    for (auto id = number(); id != kEnd; id = number()) {
      if (id == kSize) {
        for (uint64_t i = 0; i < streams; ++i) {
          const auto size = number();
          if (i == 0) out.pack_size = size;
        }
      } else {
        check(id == kCrc);
        digests(streams);
      }
    }
  }

  std::vector<Folder> unpack_info(Coded& out) {
    expect(kFolder);
    std::vector<Folder> folders(count());
    expect(0);  // not in another stream
    for (auto& folder : folders) {
      const auto coders = count();
      check(coders >= 1);
      uint64_t inputs = 0;
      for (uint64_t i = 0; i < coders; ++i) {
        const auto flags = byte();
        const auto id = take(flags & 15);
        const bool complex = flags & 16;
        inputs += complex ? count() : 1;
        folder.outputs += complex ? count() : 1;
        const auto properties = flags & 32 ? take(number()) : std::string_view();
        if (&folder == &folders.front() && coders == 1) out.coder = id, out.properties = properties;
      }
      check(folder.outputs >= 1 && inputs + 1 >= folder.outputs);
      for (uint64_t i = 0; i + 1 < folder.outputs; ++i) number(), number();  // binds an output to an input
      const auto packed = inputs - (folder.outputs - 1);
      if (packed > 1) {
        for (uint64_t i = 0; i < packed; ++i) number();
      }
    }
    expect(kUnpackSize);
    for (auto& folder : folders) {
      for (uint64_t i = 0; i < folder.outputs; ++i) {
        const auto size = number();
        if (&folder == &folders.front() && i == 0) out.unpack_size = size;
      }
    }
    auto id = number();
    if (id == kCrc) {
      const auto defined = digests(folders.size());
      for (size_t i = 0; i < folders.size(); ++i) folders[i].has_digest = defined[i];
      id = number();
    }
    check(id == kEnd);
    return folders;
  }

  void sub_streams(std::vector<Folder>& folders) {
    auto id = number();
    if (id == kNumUnpackStream) {
      for (auto& folder : folders) folder.streams = number();
      id = number();
    }
    if (id == kSize) {
      for (const auto& folder : folders) {
        for (uint64_t i = 1; i < folder.streams; ++i) number();  // the last size is the remainder
      }
      id = number();
    }
    if (id == kCrc) {
      uint64_t unknown = 0;
      for (const auto& folder : folders) {
        if (folder.streams != 1 || !folder.has_digest) unknown += folder.streams;
      }
      check(unknown / 8 <= rest_.size());
      digests(unknown);
      id = number();
    }
    check(id == kEnd);
  }

  std::vector<std::string> utf16_names(uint64_t files) {
    check(files <= rest_.size() / 2);
    std::vector<std::string> out(files);
    const auto unit = [&] {
      const auto bytes = take(2);
      return static_cast<uint32_t>(static_cast<uint8_t>(bytes[0]) | static_cast<uint8_t>(bytes[1]) << 8);
    };
    for (auto& name : out) {
      for (auto code = unit(); code != 0;) {
        const auto next = unit();
        if (code >= 0xd800 && code < 0xdc00 && next >= 0xdc00 && next < 0xe000) {
          append(name, 0x10000 + ((code - 0xd800) << 10) + (next - 0xdc00));
          code = unit();
        } else {
          append(name, code);
          code = next;
        }
      }
    }
    return out;
  }

  static void append(std::string& out, uint32_t code) {
    const auto tail = [](uint32_t bits) { return static_cast<char>(0x80 | (bits & 0x3f)); };
    if (code < 0x80) {
      out += static_cast<char>(code);
    } else if (code < 0x800) {
      out += {static_cast<char>(0xc0 | code >> 6), tail(code)};
    } else if (code < 0x10000) {
      out += {static_cast<char>(0xe0 | code >> 12), tail(code >> 6), tail(code)};
    } else {
      out += {static_cast<char>(0xf0 | code >> 18), tail(code >> 12), tail(code >> 6), tail(code)};
    }
  }

  std::string_view rest_;
  const std::string& file_;
};

/// Unpacks a whole stream. Empty if the coder is another one or the stream is damaged.
std::string unpack(const Coded& coded, std::string_view packed) {
  if (coded.coder == std::string_view("\0", 1)) return std::string(packed);
  const bool lzma1 = coded.coder == "\x03\x01\x01", lzma2 = coded.coder == "\x21";
  if (!lzma1 && !lzma2) return {};
  lzma_filter filters[2] = {{.id = lzma1 ? LZMA_FILTER_LZMA1 : LZMA_FILTER_LZMA2, .options = nullptr},
                            {.id = LZMA_VLI_UNKNOWN, .options = nullptr}};
  if (lzma_properties_decode(filters, nullptr, reinterpret_cast<const uint8_t*>(coded.properties.data()),
                             coded.properties.size()) != LZMA_OK)
    return {};
  lzma_stream stream = LZMA_STREAM_INIT;
  std::string out(coded.unpack_size, '\0');
  if (lzma_raw_decoder(&stream, filters) == LZMA_OK) {
    stream.next_in = reinterpret_cast<const uint8_t*>(packed.data()), stream.avail_in = packed.size();
    stream.next_out = reinterpret_cast<uint8_t*>(out.data()), stream.avail_out = out.size();
    // LZMA without an end marker does not know its end, so success means that all bytes were unpacked.
    while (stream.avail_out > 0 && lzma_code(&stream, LZMA_RUN) == LZMA_OK) {
    }
  }
  const bool whole = stream.total_out == out.size();
  lzma_end(&stream);
  std::free(filters[0].options);  // NOLINT: liblzma allocated it by malloc
  return whole ? out : std::string();
}

}  // namespace

std::vector<std::string> seven_zip_names(std::string_view archive, const std::string& file) {
  Parser start(archive, file);
  start.check(start.take(kSignature.size()) == kSignature);
  start.take(2 + 4);  // version, checksum
  const auto number = [&] {
    uint64_t out;
    std::memcpy(&out, start.take(8).data(), 8);
    return out;
  };
  const auto offset = number(), size = number();
  const auto part = [&](uint64_t at, uint64_t length) {
    const auto behind = archive.substr(kStartHeader);
    start.check(at <= behind.size() && length <= behind.size() - at);
    return behind.substr(at, length);
  };
  start.check(archive.size() >= kStartHeader);
  if (size == 0) return {};
  std::string header(part(offset, size));
  constexpr int kMostLayers = 4;
  for (int layer = 0; layer < kMostLayers; ++layer) {
    Parser parser(header, file);
    const auto id = parser.number();
    if (id == kHeader) return parser.names();
    parser.check(id == kEncodedHeader);
    const auto coded = parser.streams();
    parser.check(coded.unpack_size <= kMostHeaderBytes);
    header = unpack(coded, part(coded.pack_position, coded.pack_size));
    parser.check(!header.empty());
  }
  start.check(false);
  return {};
}

}  // namespace monge::io
