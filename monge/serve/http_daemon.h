// The daemon of an HttpServer and what its callbacks share. Internal to http_*.cpp.
#pragma once

#include <microhttpd.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <set>
#include <string_view>
#include <thread>

#include "monge/serve/connection_table.h"
#include "monge/serve/exchange.h"
#include "monge/serve/http_server.h"
#include "monge/serve/listener.h"
#include "monge/serve/worker_pool.h"

namespace monge::serve {

/// The daemon and what its callbacks share. The daemon has one thread, which reads and writes all connections; the
/// workers handle requests while their connections are suspended.
struct HttpServer::State {
  using Exchange = Responder::Exchange;

  State(const HttpOptions& options_, Handler handler_)
      : options(options_),
        handler(std::move(handler_)),
        bodies(std::make_shared<ByteBudget>(options.most_bodies)),
        table({.most = options.most_connections,
               .request = std::chrono::milliseconds(options.request_ms),
               .answer = std::chrono::milliseconds(options.answer_ms)}) {}

  /// The callback of the library: once with the header, then with each piece of the body, with its end, and with the
  /// answer.
  MHD_Result step(const std::shared_ptr<Exchange>& exchange, const char* method, const char* data, size_t* size);
  MHD_Result begin(const std::shared_ptr<Exchange>& exchange, const char* method);
  MHD_Result add_body(Exchange& exchange, std::string_view data);
  MHD_Result dispatch(const std::shared_ptr<Exchange>& exchange);
  MHD_Result queue(Exchange& exchange, Response response);
  MHD_Result queue_stream(Exchange& exchange, const Response& response);
  void handle(const std::shared_ptr<Exchange>& exchange);
  void completed(const std::shared_ptr<Exchange>& exchange);
  void close_streams();
  int64_t open_streams();

  const HttpOptions options;
  const Handler handler;
  const std::shared_ptr<ByteBudget> bodies;
  ConnectionTable table;
  Listener listener;
  MHD_Daemon* daemon = nullptr;
  std::atomic<bool> draining{false};

  std::mutex guard;  ///< of the rest
  bool stopping = false;
  std::set<std::shared_ptr<Exchange>> working;
  std::set<std::shared_ptr<EventStream>> streams;

  std::unique_ptr<WorkerPool> workers;
  std::condition_variable ended;
  std::thread sweeper;
};

}  // namespace monge::serve
