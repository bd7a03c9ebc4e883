#include "monge/core/names.h"

#include <algorithm>
#include <cctype>

namespace monge {

std::string lower_extension(const std::filesystem::path& path) {
  auto out = path.extension().string();
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return out;
}

std::string shown(std::string_view name) {
  constexpr size_t longest = 120;
  if (name.size() > longest) {
    return shown(name.substr(0, longest / 2)) + "..." + shown(name.substr(name.size() - longest / 2));
  }
  std::string out = "\"";
  for (const unsigned char letter : name) {
    constexpr auto digits = "0123456789abcdef";
    if (letter >= 32 && letter != 127) {
      out += static_cast<char>(letter);
    } else {
      (out += "\\x") += {digits[letter / 16], digits[letter % 16]};
    }
  }
  return out + '"';
}

}  // namespace monge
