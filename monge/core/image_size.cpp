#include "monge/core/image_size.h"

#include <algorithm>
#include <charconv>

namespace monge {
namespace {

std::optional<int64_t> side(std::string_view digits) {
  constexpr size_t kMostDigits = 5;
  const auto is_digit = [](char letter) { return letter >= '0' && letter <= '9'; };
  if (digits.empty() || digits.size() > kMostDigits || !std::all_of(digits.begin(), digits.end(), is_digit)) return {};
  int64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

}  // namespace

std::string text_of(const ImageSize& size) {
  const auto width = std::to_string(size.width);
  return size.square() ? width : width + 'x' + std::to_string(size.height);
}

std::optional<ImageSize> parse_image_size(std::string_view text) {
  const auto cross = text.find('x');
  const auto width = side(text.substr(0, cross));
  const auto height = cross == std::string_view::npos ? width : side(text.substr(cross + 1));
  if (!width || !height) return {};
  return ImageSize(*width, *height);
}

}  // namespace monge
