#include "monge/serve/http_daemon.h"

#include <sys/socket.h>

#include "monge/core/ascii.h"
#include "monge/core/error.h"

namespace monge::serve {

using Exchange = Responder::Exchange;

namespace {

int socket_of(MHD_Connection* connection) {
  return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

/// Sends a refusal in the middle of a body, where the library can send no answer. The caller closes the connection.
void refuse_in_body(const Exchange& exchange, const Response& response) {
  const auto message = text("HTTP/1.1 ", response.status, " ", status_words(response.status),
                            "\r\nContent-Type: application/json\r\nConnection: close\r\nRetry-After: 1\r\n",
                            "Content-Length: ", response.body.size(), "\r\n\r\n", response.body);
  const int socket = socket_of(exchange.connection);
  ::send(socket, message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  ::shutdown(socket, SHUT_WR);
}

/// Headers that must not occur twice, because two readers could choose differently.
bool is_single(const std::string& name) {
  return name == "host" || name == "content-length" || name == "transfer-encoding" || name == "authorization" ||
         name == "origin" || name == "content-type";
}

struct HeaderReader {
  Request& request;
  bool doubled = false;

  static MHD_Result add(void* self, MHD_ValueKind /*kind*/, const char* key, size_t key_size, const char* value,
                        size_t value_size) {
    auto& reader = *static_cast<HeaderReader*>(self);
    const auto name = lower_case({key, key_size});
    const std::string text(value ? value : "", value ? value_size : 0);
    const auto [at, is_new] = reader.request.headers.emplace(name, text);
    if (!is_new) {
      reader.doubled = reader.doubled || is_single(name);
      at->second += ", " + text;
    }
    return MHD_YES;
  }
};

/// What is wrong with the headers of a request; nothing if it can be read.
std::optional<Response> fault_of(const Request& request, bool doubled, int64_t most_body) {
  if (doubled) return error_response(400, "a header that may occur once occurs twice");
  const auto length = request.header("content-length");
  if (!length.empty() && request.headers.contains("transfer-encoding"))
    return error_response(400, "the request has both Content-Length and Transfer-Encoding");
  const bool digits = length.find_first_not_of("0123456789") == std::string::npos;
  if (!digits) return error_response(400, Complaint{.what = "it is no number", .where = "Content-Length"});
  constexpr size_t kMostDigits = 18;
  if (!length.empty() && (length.size() > kMostDigits || std::stoll(length) > most_body)) {
    return error_response(413, Complaint{.what = "the body is too large",
                                         .where = "Content-Length",
                                         .value = length,
                                         .allowed = text("up to ", most_body, " bytes")});
  }
  return std::nullopt;
}

bool has_body(const Request& request) {
  const auto length = request.header("content-length");
  return request.headers.contains("transfer-encoding") || (!length.empty() && length != "0");
}

Response busy_response() {
  auto out = error_response(503, Complaint{.what = "the server is busy", .fix = "try again in a moment"});
  out.headers.emplace_back("Retry-After", "1");
  return out;
}

void add_headers(MHD_Response* to, const Exchange& exchange, const Response& response) {
  bool cached = false;
  const auto add = [&](const std::string& name, const std::string& value) {
    MHD_add_response_header(to, name.c_str(), value.c_str());
  };
  for (const auto& [name, value] : response.headers) {
    add(name, value);
    cached = cached || name == "Cache-Control";
  }
  for (const auto& [name, value] : exchange.answer_headers) add(name, value);
  add("Content-Type", response.type);
  add("X-Content-Type-Options", "nosniff");
  add("Referrer-Policy", "no-referrer");
  if (!cached) add("Cache-Control", "no-store");
}

/// A stream being read by the library.
struct StreamReader {
  std::shared_ptr<EventStream> stream;
  MHD_Connection* connection;

  static ssize_t read(void* self, uint64_t /*position*/, char* to, size_t most) {
    auto& reader = *static_cast<StreamReader*>(self);
    auto* connection = reader.connection;
    const auto count = reader.stream->take(
        to, most, [connection] { MHD_suspend_connection(connection); },
        [connection] { MHD_resume_connection(connection); });
    return count < 0 ? MHD_CONTENT_READER_END_OF_STREAM : static_cast<ssize_t>(count);
  }
};

}  // namespace

MHD_Result HttpServer::State::step(const std::shared_ptr<Exchange>& exchange, const char* method, const char* data,
                                   size_t* size) {
  switch (exchange->stage) {
    case Exchange::Stage::created:
      return begin(exchange, method);
    case Exchange::Stage::receiving: {
      if (*size == 0) return dispatch(exchange);
      const size_t count = std::exchange(*size, 0);
      return add_body(*exchange, {data, count});
    }
    case Exchange::Stage::working:
      return queue(*exchange, exchange->take_response());
    default:
      return MHD_NO;
  }
}

MHD_Result HttpServer::State::begin(const std::shared_ptr<Exchange>& exchange, const char* method) {
  auto& request = exchange->request;
  table.received(socket_of(exchange->connection));
  exchange->stage = Exchange::Stage::receiving;
  exchange->began = std::chrono::steady_clock::now();
  request.method = method;
  const auto* client = MHD_get_connection_info(exchange->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  request.remote = numeric_address(client->client_addr);
  HeaderReader reader{.request = request};
  MHD_get_connection_values_n(exchange->connection, MHD_HEADER_KIND, &HeaderReader::add, &reader);
  if (const auto complaint = read_target(exchange->target, request))
    return queue(*exchange, error_response(exchange->target.size() > 8192 ? 414 : 400, *complaint));
  if (draining) return queue(*exchange, busy_response());
  auto refusal = handler.admit(request);
  exchange->route = request.route;
  exchange->answer_headers = request.answer_headers;
  if (refusal && has_body(request)) return queue(*exchange, std::move(*refusal));
  if (refusal) {  // from the next call on the connection can be kept
    exchange->refusal = std::move(refusal);
    return MHD_YES;
  }
  if (auto fault = fault_of(request, reader.doubled, options.most_body)) return queue(*exchange, std::move(*fault));
  request.held = ByteBudget::Hold(bodies);
  return MHD_YES;
}

MHD_Result HttpServer::State::add_body(Exchange& exchange, std::string_view data) {
  table.received(socket_of(exchange.connection));
  auto& request = exchange.request;
  std::optional<Response> refusal;
  if (static_cast<int64_t>(request.body.size() + data.size()) > options.most_body) {
    refusal = error_response(
        413, Complaint{.what = "the body is too large", .allowed = text("up to ", options.most_body, " bytes")});
  } else if (!request.held.add(static_cast<int64_t>(data.size()))) {
    refusal = busy_response();
  }
  if (!refusal) {
    request.body.append(data);
    return MHD_YES;
  }
  refuse_in_body(exchange, *refusal);
  if (handler.observe) handler.observe(request.route, refusal->status, exchange.seconds());
  return MHD_NO;
}

MHD_Result HttpServer::State::dispatch(const std::shared_ptr<Exchange>& exchange) {
  if (exchange->refusal) return queue(*exchange, std::move(*exchange->refusal));
  {
    const std::lock_guard lock(guard);
    if (stopping) return queue(*exchange, busy_response());
    exchange->stage = Exchange::Stage::working;
    MHD_suspend_connection(exchange->connection);  // before a worker can answer
    working.insert(exchange);
  }
  table.answering(socket_of(exchange->connection), [exchange] { exchange->gone = true; });
  workers->post([this, exchange] { handle(exchange); });
  return MHD_YES;
}

void HttpServer::State::handle(const std::shared_ptr<Exchange>& exchange) {
  const Responder responder(exchange);
  if (responder.gone()) return;
  try {
    handler.handle(std::move(exchange->request), responder);
  } catch (const InputError& error) {
    responder.send(error_response(400, error.complaint()));
  } catch (const std::exception& error) {  // whose words may tell paths
    if (handler.report) handler.report(exchange->route, error.what());
    responder.send(error_response(500, "the server failed to answer this request"));
  }
}

MHD_Result HttpServer::State::queue_stream(Exchange& exchange, const Response& response) {
  {
    const std::lock_guard lock(guard);
    streams.insert(response.events);
    if (draining) response.events->close();
  }
  exchange.stream = response.events;
  table.answering(socket_of(exchange.connection), [stream = response.events] { stream->close(); });
  table.sending(socket_of(exchange.connection), /*stream=*/true);
  auto* reader = new StreamReader{response.events, exchange.connection};
  auto* answer = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 16384, &StreamReader::read, reader,
                                                   [](void* self) { delete static_cast<StreamReader*>(self); });
  if (!answer) {
    delete reader;
    return MHD_NO;
  }
  add_headers(answer, exchange, response);
  const auto result = MHD_queue_response(exchange.connection, 200, answer);
  MHD_destroy_response(answer);
  return result;
}

MHD_Result HttpServer::State::queue(Exchange& exchange, Response response) {
  exchange.stage = Exchange::Stage::sending;
  if (response.events && open_streams() >= options.most_streams) {
    response.events->close();
    response = busy_response();
  }
  if (handler.observe) handler.observe(exchange.route, response.status, exchange.seconds());
  if (response.events) return queue_stream(exchange, response);
  table.sending(socket_of(exchange.connection), /*stream=*/false);
  auto* body = new std::string(std::move(response.body));
  auto* answer = MHD_create_response_from_buffer_with_free_callback_cls(
      body->size(), body->data(), [](void* self) { delete static_cast<std::string*>(self); }, body);
  if (!answer) {
    delete body;
    return MHD_NO;
  }
  add_headers(answer, exchange, response);
  if (draining) MHD_add_response_header(answer, "Connection", "close");
  const auto result = MHD_queue_response(exchange.connection, static_cast<unsigned>(response.status), answer);
  MHD_destroy_response(answer);
  return result;
}

void HttpServer::State::completed(const std::shared_ptr<Exchange>& exchange) {
  table.waiting(socket_of(exchange->connection));
  exchange->gone = true;
  if (const auto left = exchange->take_response(); left.events) left.events->close();  // the client did not wait
  const std::lock_guard lock(guard);
  working.erase(exchange);
  if (exchange->stream) {
    exchange->stream->close();
    streams.erase(exchange->stream);
  }
}

int64_t HttpServer::State::open_streams() {
  const std::lock_guard lock(guard);
  return static_cast<int64_t>(streams.size());
}

void HttpServer::State::close_streams() {
  const std::lock_guard lock(guard);
  for (const auto& stream : streams) stream->close();
}

}  // namespace monge::serve
