// The routes of the API: patterns of paths, and what answers them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "monge/serve/http_server.h"

namespace monge::serve {

struct Route {
  std::string method;   ///< GET (which answers HEAD, too) or POST
  std::string pattern;  ///< "/v1/models/*": a * stands for one segment
  std::function<void(Request&&, const Responder&)> handle;
  bool open = false;  ///< needs no token
};

class Router {
 public:
  void add(Route route);
  /// A route whose answer is ready at once.
  void add(const std::string& method, const std::string& pattern, std::function<Response(const Request&)> answer,
           bool open = false);

  /// The route of a request; null if there is none.
  const Route* find(const Request& request) const;
  /// The methods of a path that is known, for Allow; empty for an unknown path.
  std::string methods(const Request& request) const;

 private:
  struct Entry {
    Route route;
    std::vector<std::string> segments;
  };
  static bool matches(const Entry& entry, const std::vector<std::string>& path);

  std::vector<Entry> entries_;
};

}  // namespace monge::serve
