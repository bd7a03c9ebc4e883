// A web server for tests that misbehaves on demand: it records what it is asked, and breaks off or falls silent where
// told.
#pragma once

#include <cstdlib>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace monge::testing {

struct HttpRequest {
  std::string method, target;                  ///< target as it stood: absolute when a proxy was meant
  std::map<std::string, std::string> headers;  ///< names in lower case

  std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
};

struct HttpReply {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};
  bool say_length = true;  ///< Content-Length of the whole body
  int64_t send = -1;       ///< bytes of the body that are sent before the connection is closed; -1: all
  bool stall = false;      ///< after them say nothing more until the client hangs up
};

/// Listens on a free port of 127.0.0.1 from construction to destruction; answers one connection at a time, one request
/// each.
class HttpServer {
 public:
  using Handler = std::function<HttpReply(const HttpRequest&)>;

  /// @param handler  called in the server's thread.
  explicit HttpServer(Handler handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// "http://127.0.0.1:PORT" + path.
  std::string url(const std::string& path = "") const;

  /// All so far.
  std::vector<HttpRequest> requests() const;

 private:
  void serve();
  void answer(int connection);

  Handler handler_;
  int listener_ = -1, port_ = 0;
  int wake_[2] = {-1, -1};
  mutable std::mutex mutex_;
  std::vector<HttpRequest> requests_;
  std::thread thread_;
};

/// Answers as a good server of files: ranges, If-Range, an ETag (none when empty).
HttpReply file_reply(const HttpRequest& request, const std::string& body, const std::string& etag = "\"1\"");

/// Sets an environment variable (or unsets it) for the life of the object.
class ScopedVariable {
 public:
  ScopedVariable(std::string name, std::optional<std::string> value) : name_(std::move(name)) {
    if (const char* old = std::getenv(name_.c_str())) old_ = old;
    set(value);
  }
  ~ScopedVariable() { set(old_); }
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;

 private:
  void set(const std::optional<std::string>& value) const {
    value ? setenv(name_.c_str(), value->c_str(), 1) : unsetenv(name_.c_str());
  }

  std::string name_;
  std::optional<std::string> old_;
};

/// Without the machine's proxies, which would be asked for 127.0.0.1 too.
struct NoProxies {
  ScopedVariable a{"http_proxy", {}}, b{"https_proxy", {}}, c{"HTTPS_PROXY", {}}, d{"all_proxy", {}},
      e{"ALL_PROXY", {}}, f{"no_proxy", {}}, g{"NO_PROXY", {}};
};

}  // namespace monge::testing
