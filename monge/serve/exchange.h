// A request on its way through the server. Internal to http_*.cpp.
#pragma once

#include <microhttpd.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "monge/serve/http_server.h"

namespace monge::serve {

/// Made when the request line has arrived, and kept by the library until the answer is sent, and by the responders.
/// The thread of the connections owns all of it but what comes after `guard`.
struct Responder::Exchange {
  enum class Stage { created, receiving, working, sending };

  Exchange(std::string target_, MHD_Connection* connection_) : target(std::move(target_)), connection(connection_) {}

  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count(); }

  /// Keeps the answer, once, and lets the library send it. Any thread; the stage is then `working`.
  void finish(Response answer) {
    const std::lock_guard lock(guard);
    if (answered) return;
    answered = true;
    response = std::move(answer);
    MHD_resume_connection(connection);
  }

  Response take_response() {
    const std::lock_guard lock(guard);
    return std::move(response);
  }

  const std::string target;  ///< as it stands in the request line
  MHD_Connection* const connection;
  Stage stage = Stage::created;
  std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now();
  Request request;                  ///< while the stage is `working` it belongs to the worker
  std::optional<Response> refusal;  ///< of a request without a body
  std::string route;                ///< of the request, as answer_headers
  std::vector<std::pair<std::string, std::string>> answer_headers;
  std::shared_ptr<EventStream> stream;
  std::atomic<bool> gone{false};

  std::mutex guard;
  bool answered = false;
  Response response;
};

}  // namespace monge::serve
