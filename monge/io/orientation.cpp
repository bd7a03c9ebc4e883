#include "monge/io/orientation.h"

#include <algorithm>
#include <cstring>

#include "monge/core/error.h"

namespace monge::io {
namespace {

/// Reads numbers of 2 and 4 bytes in the byte order of a TIFF header.
class Numbers {
 public:
  Numbers(std::string_view bytes, bool big_endian) : bytes_(bytes), big_(big_endian) {}

  bool holds(uint64_t at, uint64_t count) const { return at <= bytes_.size() && count <= bytes_.size() - at; }
  uint32_t two(size_t at) const { return big_ ? byte(at) << 8 | byte(at + 1) : byte(at + 1) << 8 | byte(at); }
  uint32_t four(size_t at) const { return big_ ? two(at) << 16 | two(at + 2) : two(at + 2) << 16 | two(at); }

 private:
  uint32_t byte(size_t at) const { return static_cast<unsigned char>(bytes_[at]); }

  std::string_view bytes_;
  bool big_;
};

/// to[y, x] = from[start + y * down + x * right], in pixels. Works by tiles, so that both images remain in the cache.
template <class Pixel>
void turn(const Pixel* from, Pixel* to, int64_t height, int64_t width, int64_t start, int64_t down, int64_t right) {
  constexpr int64_t kTile = 32;
  for (int64_t top = 0; top < height; top += kTile) {
    for (int64_t left = 0; left < width; left += kTile) {
      for (int64_t y = top; y < std::min(top + kTile, height); ++y) {
        for (int64_t x = left; x < std::min(left + kTile, width); ++x)
          to[y * width + x] = from[start + y * down + x * right];
      }
    }
  }
}

template <int bytes>
struct Pixel {
  unsigned char value[bytes];
};

template <int bytes>
void turn_pixels(const void* from, void* to, int64_t height, int64_t width, int64_t start, int64_t down,
                 int64_t right) {
  turn(static_cast<const Pixel<bytes>*>(from), static_cast<Pixel<bytes>*>(to), height, width, start, down, right);
}

}  // namespace

int exif_orientation(std::string_view block) {
  constexpr std::string_view kPrefix("Exif\0\0", 6);
  if (block.starts_with(kPrefix)) block.remove_prefix(kPrefix.size());
  constexpr size_t kHeader = 8, kEntry = 12;
  constexpr uint32_t kOrientation = 0x0112;
  const bool little = block.starts_with("II"), big = block.starts_with("MM");
  if (block.size() < kHeader || (!little && !big)) return 1;
  const Numbers numbers(block, big);
  constexpr uint32_t kMagic = 42;
  if (numbers.two(2) != kMagic) return 1;
  const uint64_t directory = numbers.four(4);
  if (!numbers.holds(directory, 2)) return 1;
  const uint32_t entries = numbers.two(static_cast<size_t>(directory));
  int out = 1;
  for (uint32_t i = 0; i < entries; ++i) {
    const uint64_t at = directory + 2 + i * kEntry;
    if (!numbers.holds(at, kEntry)) break;
    const auto entry = static_cast<size_t>(at);
    if (numbers.two(entry) != kOrientation) continue;
    constexpr uint32_t kShort = 3, kLong = 4, kSignedShort = 8, kSignedLong = 9;
    const uint32_t type = numbers.two(entry + 2), count = numbers.four(entry + 4);
    const bool is_short = type == kShort || type == kSignedShort, is_long = type == kLong || type == kSignedLong;
    if (count != 1 || (!is_short && !is_long)) continue;
    const uint32_t value = is_short ? numbers.two(entry + 8) : numbers.four(entry + 8);
    out = value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return out;
}

torch::Tensor upright(const torch::Tensor& image_HWC, int orientation) {
  if (orientation <= 1 || orientation > 8) return image_HWC;
  const int64_t height = image_HWC.size(0), width = image_HWC.size(1), channels = image_HWC.size(2);
  // The file's offset of the result's top left pixel, and the steps to the result's next row and column.
  const bool transposed = orientation >= 5;
  const bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool from_bottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const int64_t start = (from_bottom ? (height - 1) * width : 0) + (from_right ? width - 1 : 0);
  const int64_t along = from_right ? -1 : 1, across = from_bottom ? -width : width;
  const int64_t down = transposed ? along : across, right = transposed ? across : along;
  const int64_t new_height = transposed ? width : height, new_width = transposed ? height : width;
  auto out = torch::empty({new_height, new_width, channels}, image_HWC.options());
  const auto go = [&](auto turn_by_size) {
    turn_by_size(image_HWC.const_data_ptr(), out.data_ptr(), new_height, new_width, start, down, right);
  };
  switch (channels * static_cast<int64_t>(image_HWC.element_size())) {
    case 1:
      go(turn_pixels<1>);
      break;
    case 2:
      go(turn_pixels<2>);
      break;
    case 3:
      go(turn_pixels<3>);
      break;
    case 4:
      go(turn_pixels<4>);
      break;
    case 6:
      go(turn_pixels<6>);
      break;
    case 8:
      go(turn_pixels<8>);
      break;
    default:
      throw InputError(text("upright: the image must be uint8 or uint16 [H, W, 1..4], got ", image_HWC.scalar_type(),
                            " ", image_HWC.sizes()));
  }
  return out;
}

}  // namespace monge::io
