// A server of HTTP/1.1 with bounds on everything that a client controls. It hides libmicrohttpd.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "monge/serve/event_stream.h"
#include "monge/serve/http_message.h"

namespace monge::serve {

struct HttpOptions {
  std::string listen = "127.0.0.1";          ///< a numeric address, or "localhost"
  int64_t port = 0;                          ///< 0: a free one
  int64_t most_connections = 512;            ///< see ConnectionTable
  int64_t most_streams = 128;                ///< event streams among them; more get 503
  int64_t most_body = int64_t{64} << 20;     ///< bytes of a body; more gets 413
  int64_t most_bodies = int64_t{512} << 20;  ///< bytes of all bodies in memory together; more gets 503
  int64_t header_bytes = 32 << 10;           ///< bytes of a request line with its headers; more gets 431
  int64_t request_ms = 20000;                ///< for a request to arrive whole; then 408
  int64_t idle_seconds = 10;                 ///< without a byte in either direction; then the connection is closed
  int64_t answer_ms = 120000;                ///< for an answer to be sent
  int64_t workers = 4;                       ///< threads that handle requests
};

/// Answers one request, from any thread, once. Copies share the request. If all copies are destroyed without an
/// answer, the client gets 500.
class Responder {
 public:
  void send(Response response) const;
  /// Whether the client has hung up, so that no answer is needed.
  bool gone() const;

  struct Exchange;
  explicit Responder(std::shared_ptr<Exchange> exchange);

 private:
  struct Last;
  std::shared_ptr<Exchange> exchange_;
  std::shared_ptr<Last> last_;
};

/// Listens from construction to destruction, and answers from start() on.
class HttpServer {
 public:
  struct Handler {
    /// Called when the header of a request has arrived and before its body is read, in the thread of all connections:
    /// it must be quick. It may set Request::route. An answer refuses the request.
    std::function<std::optional<Response>(Request&)> admit;
    /// Handles a whole request on a thread of the server. An InputError that it throws becomes 400, any other
    /// exception 500 without its words.
    std::function<void(Request&&, const Responder&)> handle;
    /// Called with the route and status of each answer and the seconds since its header arrived. May be empty.
    std::function<void(const std::string& route, int status, double seconds)> observe = {};
    /// Called with the words of an exception that became 500, for the log of the server. May be empty.
    std::function<void(const std::string& route, const std::string& what)> report = {};
  };

  /// @throws InputError if the address cannot be listened on; SystemError if the system has no sockets left.
  HttpServer(const HttpOptions& options, Handler handler);
  /// stop(0).
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Call it once. @throws SystemError if the system has no threads left.
  void start();

  int64_t port() const;
  /// "http://127.0.0.1:PORT"
  std::string url() const;

  /// Accepts no new connection and no new request, closes all streams, waits until the requests that have begun are
  /// answered, and then closes all connections. Requests without an answer after `seconds` get 503.
  void stop(double seconds);

  int64_t connections() const;  ///< open now
  int64_t streams() const;      ///< event streams among them
  int64_t body_bytes() const;   ///< in memory now

  struct State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace monge::serve
