#include "monge/serve/http_server.h"

#include <sys/socket.h>

#include <cstdarg>

#include "monge/core/error.h"
#include "monge/serve/http_daemon.h"

namespace monge::serve {

/// Answers when the last responder is destroyed without an answer.
struct Responder::Last {
  explicit Last(std::shared_ptr<Exchange> exchange_) : exchange(std::move(exchange_)) {}
  Last(const Last&) = delete;
  Last& operator=(const Last&) = delete;
  ~Last() { exchange->finish(error_response(500, "the server failed to answer this request")); }
  std::shared_ptr<Exchange> exchange;
};

Responder::Responder(std::shared_ptr<Exchange> exchange)
    : exchange_(exchange), last_(std::make_shared<Last>(std::move(exchange))) {}

void Responder::send(Response response) const { exchange_->finish(std::move(response)); }

bool Responder::gone() const { return exchange_->gone; }

namespace {

using Exchange = Responder::Exchange;

// The callbacks of the library. No exception may pass through it.

void* on_request_line(void* /*self*/, const char* target, MHD_Connection* connection) {
  try {
    return new std::shared_ptr<Exchange>(std::make_shared<Exchange>(target, connection));
  } catch (const std::exception&) {
    return nullptr;
  }
}

MHD_Result on_request(void* self, MHD_Connection* /*connection*/, const char* /*path*/, const char* method,
                      const char* /*version*/, const char* data, size_t* size, void** context) {
  const auto* exchange = static_cast<std::shared_ptr<Exchange>*>(*context);
  if (!exchange) return MHD_NO;
  try {
    return static_cast<HttpServer::State*>(self)->step(*exchange, method, data, size);
  } catch (const std::exception&) {
    return MHD_NO;
  }
}

void on_completed(void* self, MHD_Connection* /*connection*/, void** context, MHD_RequestTerminationCode /*why*/) {
  const std::unique_ptr<std::shared_ptr<Exchange>> exchange(static_cast<std::shared_ptr<Exchange>*>(*context));
  *context = nullptr;
  if (exchange) static_cast<HttpServer::State*>(self)->completed(*exchange);
}

void on_connection(void* self, MHD_Connection* connection, void** /*context*/, MHD_ConnectionNotificationCode what) {
  auto& table = static_cast<HttpServer::State*>(self)->table;
  const int socket = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
  if (what == MHD_CONNECTION_NOTIFY_STARTED) {
    table.opened(socket);
  } else {
    table.closed(socket);
  }
}

/// Leaves %XX as they are: read_target decodes them, and does not end at a NUL.
size_t keep_escapes(void* /*self*/, MHD_Connection* /*connection*/, char* text) {
  return std::char_traits<char>::length(text);
}

void drop_message(void* /*self*/, const char* /*format*/, va_list /*arguments*/) {}

MHD_Daemon* start_daemon(HttpServer::State& state) {
  const auto& options = state.options;
  // Connections that were shut down but not yet closed count, so the library's own limit is higher.
  const auto most = static_cast<unsigned>(2 * options.most_connections + 64);
  const unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC | MHD_USE_ERROR_LOG |
                         (state.listener.six ? unsigned{MHD_USE_IPv6} : 0u);
  return MHD_start_daemon(flags, 0, nullptr, nullptr, &on_request, &state, MHD_OPTION_EXTERNAL_LOGGER, &drop_message,
                          nullptr, MHD_OPTION_LISTEN_SOCKET, state.listener.socket.get(), MHD_OPTION_CONNECTION_LIMIT,
                          most, MHD_OPTION_CONNECTION_TIMEOUT, static_cast<unsigned>(options.idle_seconds),
                          MHD_OPTION_CONNECTION_MEMORY_LIMIT, static_cast<size_t>(options.header_bytes),
                          MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_URI_LOG_CALLBACK, &on_request_line, &state,
                          MHD_OPTION_NOTIFY_COMPLETED, &on_completed, &state, MHD_OPTION_NOTIFY_CONNECTION,
                          &on_connection, &state, MHD_OPTION_UNESCAPE_CALLBACK, &keep_escapes, nullptr, MHD_OPTION_END);
}

}  // namespace

HttpServer::HttpServer(const HttpOptions& options, Handler handler)
    : state_(std::make_unique<State>(options, std::move(handler))) {
  state_->listener = listen_on(options.listen, options.port);
}

void HttpServer::start() {
  auto& state = *state_;
  state.workers = std::make_unique<WorkerPool>(state.options.workers);
  state.daemon = start_daemon(state);
  if (!state.daemon) throw SystemError("the server cannot be started: the system has no threads or descriptors left");
  (void)state.listener.socket.release();  // the daemon's
  state.sweeper = std::thread([&state] {
    std::unique_lock lock(state.guard);
    while (!state.stopping) {
      state.ended.wait_for(lock, std::chrono::milliseconds(100));
      lock.unlock();
      state.table.sweep();
      lock.lock();
    }
  });
}

HttpServer::~HttpServer() { stop(0); }

int64_t HttpServer::port() const { return state_->listener.port; }

std::string HttpServer::url() const { return text("http://", state_->listener.host, ":", state_->listener.port); }

int64_t HttpServer::connections() const { return state_->table.open(); }

int64_t HttpServer::streams() const { return state_->open_streams(); }

int64_t HttpServer::body_bytes() const { return state_->bodies->used(); }

void HttpServer::stop(double seconds) {
  auto& state = *state_;
  if (!state.daemon) return;
  state.draining = true;
  // The library may still look at the socket until it is stopped, so it is not closed yet.
  const UniqueFd listener(MHD_quiesce_daemon(state.daemon));
  ::shutdown(listener.get(), SHUT_RDWR);
  state.close_streams();
  const auto wait_until_idle = [&](double most) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(most);
    while (state.table.busy() > 0 && std::chrono::steady_clock::now() < end)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
  };
  wait_until_idle(seconds);
  std::set<std::shared_ptr<Exchange>> working;
  {
    const std::lock_guard lock(state.guard);
    state.stopping = true;  // from now on no connection is suspended
    working = state.working;
  }
  state.ended.notify_all();
  state.sweeper.join();
  for (const auto& exchange : working) exchange->finish(error_response(503, "the server is stopping"));
  state.close_streams();
  wait_until_idle(1);
  MHD_stop_daemon(state.daemon);
  state.daemon = nullptr;
  state.workers.reset();
}

}  // namespace monge::serve
