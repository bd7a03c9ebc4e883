#include "monge/serve/redaction.h"

namespace monge::serve {
namespace {

constexpr std::string_view kBefore = " \t\n\r\"'`([{<=:,;", kEnd = " \t\n\r\"'`)]}<>,;:";

}  // namespace

std::string without_folders(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  size_t at = 0;
  while (at < text.size()) {
    const bool begins = text[at] == '/' && (at == 0 || kBefore.find(text[at - 1]) != std::string_view::npos) &&
                        at + 1 < text.size() && text[at + 1] != '/';
    if (!begins) {
      out += text[at++];
      continue;
    }
    const auto end = std::min(text.find_first_of(kEnd, at), text.size());
    auto path = text.substr(at, end - at);
    while (path.size() > 1 && (path.back() == '/' || path.back() == '.')) path.remove_suffix(1);
    const auto slash = path.rfind('/');
    out.append(slash == 0 ? path : path.substr(slash + 1));
    out.append(text.substr(at + path.size(), end - at - path.size()));
    at = end;
  }
  return out;
}

void remove_folders(nlohmann::ordered_json& value) {
  if (value.is_string()) {
    value = without_folders(value.get_ref<const std::string&>());
  } else if (value.is_structured()) {
    for (auto& item : value) remove_folders(item);
  }
}

}  // namespace monge::serve
