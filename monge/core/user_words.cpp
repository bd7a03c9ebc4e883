#include "monge/core/user_words.h"

#include <utility>

namespace monge {
namespace {

std::map<std::string, std::string>& installed_user_words() {
  static std::map<std::string, std::string> words;
  return words;
}

}  // namespace

std::string user_word(const std::string& library_name) {
  const auto& words = installed_user_words();
  const auto found = words.find(library_name);
  return found == words.end() ? library_name : found->second;
}

void set_user_words(std::map<std::string, std::string> words) { installed_user_words() = std::move(words); }

}  // namespace monge
