#include "monge/serve/server.h"

#include "monge/core/error.h"
#include "monge/report/embedded_files.h"
#include "monge/serve/counters.h"
#include "monge/serve/embedded_files.h"
#include "monge/serve/listener.h"
#include "monge/serve/model_routes.h"
#include "monge/serve/router.h"
#include "monge/serve/run_events.h"
#include "monge/serve/run_routes.h"
#include "monge/serve/worker_pool.h"

namespace monge::serve {
namespace {

constexpr const char* kHealth = "/healthz";

constexpr const char* kPagePolicy =
    "default-src 'self'; img-src 'self' data: blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

void add_pages(Router& router) {
  const auto add = [&](const std::string& path, const std::string& file, const std::string& type) {
    router.add(
        "GET", path,
        [file, type](const Request&) {
          Response out{.type = type + "; charset=utf-8",
                       .body = std::string(std::string_view(file).starts_with("dygraph") ? report::embedded_file(file)
                                                                                         : embedded_file(file))};
          out.headers = {{"Content-Security-Policy", kPagePolicy}, {"Cache-Control", "no-cache"}};
          return out;
        },
        /*open=*/true);
  };
  add("/", "index.html", "text/html");
  for (const char* file : {"serve.css", "dygraph.min.css"}) add(text("/", file), file, "text/css");
  for (const char* file : {"serve.js", "translate.js", "runs.js", "arrays.js", "dygraph.min.js"})
    add(text("/", file), file, "text/javascript");
}

}  // namespace

/// In the order of their dependence: the server of HTTP is destroyed first, as its requests use all others.
struct Server::Parts {
  Parts(const std::filesystem::path& path, ServeOptions options_, LogSink log_)
      : options(std::move(options_)),
        log(std::move(log_)),
        catalogue(path, options.catalogue),
        queue({.batch = options.batch,
               .most_waiting = options.most_waiting,
               .most_seconds = options.most_seconds,
               .observe = [this](int64_t requests, int64_t items,
                                 double seconds) { counters.add_batch(requests, items, seconds); }}),
        translate(
            catalogue, queue, options.limits, [this](std::function<void()> task) { encoders.post(std::move(task)); },
            [this](const std::string& what) { report("/v1/translate", what); }) {}

  void report(const std::string& route, const std::string& what) {
    log(LogLevel::warning, text("a request to ", route, " failed: ", what));
  }
  std::optional<Response> admit(Request& request);
  void handle(Request&& request, const Responder& responder);
  void add_routes();
  void add_gauges();

  const ServeOptions options;
  const LogSink log;
  Counters counters;
  Catalogue catalogue;
  RunEvents events;
  Router router;
  std::unique_ptr<Access> access;
  WorkerPool encoders{2};  ///< of images; used by the queue
  TranslateQueue queue;
  TranslateRoute translate;
  std::unique_ptr<HttpServer> http;
};

std::optional<Response> Server::Parts::admit(Request& request) {
  const auto* route = router.find(request);
  if (route) request.route = route->pattern;
  if (auto refusal = access->refusal(request, route && route->open)) return refusal;
  request.answer_headers = access->cors_headers(request);
  // At once, so that what keeps the workers busy does not make the server look dead.
  if (route && route->pattern == kHealth) return Response{.type = "text/plain", .body = "ok\n"};
  if (route) return std::nullopt;
  const auto methods = router.methods(request);
  if (methods.empty()) return error_response(404, "there is nothing at this path");
  if (request.method == "OPTIONS" && !request.answer_headers.empty()) return Response{.status = 204};
  auto out = error_response(405, Complaint{.what = "the path does not take this method", .allowed = methods});
  out.headers.emplace_back("Allow", methods);
  return out;
}

void Server::Parts::handle(Request&& request, const Responder& responder) {
  router.find(request)->handle(std::move(request), responder);
}

void Server::Parts::add_routes() {
  router.add({.method = "GET", .pattern = kHealth, .handle = {}, .open = true});  // admit() answers
  router.add("GET", "/metrics", [this](const Request&) {
    return Response{.type = "text/plain; version=0.0.4; charset=utf-8", .body = counters.text()};
  });
  router.add("POST", "/v1/login", [this](const Request&) {
    Response out{.status = 204};
    if (const auto cookie = access->cookie(); !cookie.empty()) out.headers.emplace_back("Set-Cookie", cookie);
    return out;
  });
  router.add({.method = "POST", .pattern = "/v1/translate", .handle = [this](Request&& request, const Responder& to) {
                translate.handle(std::move(request), to);
              }});
  add_model_routes(router, catalogue);
  add_run_routes(router, catalogue, events);
  add_pages(router);
}

void Server::Parts::add_gauges() {
  const auto add = [&](const char* name, const char* help, auto value) {
    counters.add_gauge(name, help, [value] { return static_cast<double>(value()); });
  };
  add("monge_queue_items", "Items that wait for the device.", [this] { return queue.waiting(); });
  add("monge_connections", "Open connections.", [this] { return http->connections(); });
  add("monge_event_streams", "Clients that follow a run.", [this] { return http->streams(); });
  add("monge_body_bytes", "Bytes of request bodies in memory.", [this] { return http->body_bytes(); });
  add("monge_models_loaded", "Models in memory.", [this] { return catalogue.loaded(); });
  add("monge_resident_bytes", "Memory of the process in use.", [] { return resident_bytes(); });
}

Server::Server(const std::filesystem::path& path, ServeOptions options, const LogSink& log) {
  if (options.access.token.empty() && options.http.listen != "localhost" && !is_loopback(options.http.listen)) {
    options.access.token = random_token();
    log(LogLevel::info, "token: " + options.access.token);
  }
  parts_ = std::make_unique<Parts>(path, std::move(options), log);
  auto& parts = *parts_;
  parts.access = std::make_unique<Access>(parts.options.access, parts.options.http.listen);
  parts.add_routes();
  parts.http = std::make_unique<HttpServer>(
      parts.options.http,
      HttpServer::Handler{
          .admit = [&parts](Request& request) { return parts.admit(request); },
          .handle = [&parts](Request&& request,
                             const Responder& responder) { parts.handle(std::move(request), responder); },
          .observe = [&parts](const std::string& route, int status,
                              double seconds) { parts.counters.add_request(route, status, seconds); },
          .report = [&parts](const std::string& route, const std::string& what) { parts.report(route, what); }});
  parts.add_gauges();
  parts.http->start();
  log(LogLevel::info, "serving on " + url());
}

Server::~Server() { stop(0); }

std::string Server::url() const { return parts_->http->url(); }

int64_t Server::port() const { return parts_->http->port(); }

const std::string& Server::token() const { return parts_->options.access.token; }

void Server::stop(double seconds) { parts_->http->stop(seconds); }

}  // namespace monge::serve
