// monge serve: models and runs over HTTP, with a page for people.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "monge/core/log.h"
#include "monge/serve/access.h"
#include "monge/serve/catalogue.h"
#include "monge/serve/http_server.h"
#include "monge/serve/translate_queue.h"
#include "monge/serve/translate_route.h"

namespace monge::serve {

struct ServeOptions {
  HttpOptions http = {.port = 8800};
  /// On an address that other machines reach, a token is needed; without one in the options a random one is made and
  /// logged.
  AccessOptions access = {};
  CatalogueOptions catalogue = {};
  TranslateLimits limits = {};
  int64_t batch = 32;          ///< items that are translated together
  int64_t most_waiting = 256;  ///< items that wait for the device; then 503
  double most_seconds = 60;    ///< of one translation
};

/// Serves from construction until stop(). The routes are
///
///     GET  /healthz             "ok", without a token
///     GET  /metrics             counts for Prometheus
///     POST /v1/translate        see TranslateRoute
///     POST /v1/login            sets the cookie of the token that the request has
///     GET  /v1/models...        see add_model_routes
///     GET  /v1/runs...          see add_run_routes
///     GET  /, /serve.css, ...   the page, without a token
///
/// What is unknown gets 404, and another method 405. Errors are {"error": {"what", "where", "value", "allowed",
/// "fix"}}. No answer tells a path of the machine.
class Server {
 public:
  /// @param path  see Catalogue.  @param log  gets the address, and the token if one was made.
  /// @throws InputError for a path with nothing to serve, or an address that cannot be listened on.
  Server(const std::filesystem::path& path, ServeOptions options, const LogSink& log = silent());
  /// stop(0).
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::string url() const;
  int64_t port() const;
  /// Empty if none is needed.
  const std::string& token() const;

  /// Finishes the requests that have begun, for up to `seconds`; see HttpServer::stop.
  void stop(double seconds = 10);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace monge::serve
