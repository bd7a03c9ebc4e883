#include "monge/core/shell.h"

#include <algorithm>
#include <cctype>

namespace monge {
namespace {

bool is_plain(char letter) {
  const auto byte = static_cast<unsigned char>(letter);
  return byte < 128 && (std::isalnum(byte) || std::string_view("_@%+=:,./-").find(letter) != std::string_view::npos);
}

}  // namespace

std::string shell_quoted(std::string_view word) {
  if (!word.empty() && std::all_of(word.begin(), word.end(), is_plain)) return std::string(word);
  std::string out = "'";
  for (const char letter : word) out += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
  return out + "'";
}

}  // namespace monge
