// The size of images as options write it: 64 for squares, "96x64" for rectangles.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace monge {

/// Width and height in pixels.
struct ImageSize {
  int64_t width = 0, height = 0;

  ImageSize() = default;
  /// A square. Converts implicitly, so that a program may write `recipe.source.size = 64`.
  ImageSize(int64_t side) : width(side), height(side) {}  // NOLINT(google-explicit-constructor)
  ImageSize(int64_t width_, int64_t height_) : width(width_), height(height_) {}

  bool square() const { return width == height; }

  bool operator==(const ImageSize&) const = default;
};

/// "96x64"; "64" for a square.
std::string text_of(const ImageSize& size);

/// Reads WIDTHxHEIGHT or one number, each of 1 to 5 digits. @return nothing for any other text.
std::optional<ImageSize> parse_image_size(std::string_view text);

}  // namespace monge
