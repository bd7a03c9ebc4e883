#include "monge/serve/router.h"

#include <utility>

namespace monge::serve {

void Router::add(Route route) {
  Request pattern;
  read_target(route.pattern, pattern);
  entries_.push_back({.route = std::move(route), .segments = std::move(pattern.path)});
}

void Router::add(const std::string& method, const std::string& pattern, std::function<Response(const Request&)> answer,
                 bool open) {
  add({.method = method,
       .pattern = pattern,
       .handle = [answer = std::move(answer)](Request&& request,
                                              const Responder& responder) { responder.send(answer(request)); },
       .open = open});
}

bool Router::matches(const Entry& entry, const std::vector<std::string>& path) {
  if (path.size() != entry.segments.size()) return false;
  for (size_t i = 0; i < path.size(); ++i) {
    if (entry.segments[i] != "*" && entry.segments[i] != path[i]) return false;
  }
  return true;
}

const Route* Router::find(const Request& request) const {
  const auto& method = request.method == "HEAD" ? "GET" : request.method;
  for (const auto& entry : entries_) {
    if (entry.route.method == method && matches(entry, request.path)) return &entry.route;
  }
  return nullptr;
}

std::string Router::methods(const Request& request) const {
  std::string out;
  for (const auto& entry : entries_) {
    if (!matches(entry, request.path)) continue;
    out += (out.empty() ? "" : ", ") + (entry.route.method == "GET" ? std::string("GET, HEAD") : entry.route.method);
  }
  return out;
}

}  // namespace monge::serve
