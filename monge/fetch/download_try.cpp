#include "monge/fetch/download_try.h"

#include <curl/curl.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "monge/core/error.h"
#include "monge/core/number.h"
#include "monge/core/version.h"
#include "monge/fetch/folder_writer.h"

namespace monge::fetch {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

std::string lower(std::string_view word) {
  std::string out(word);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::string_view trimmed(std::string_view line) {
  const auto first = line.find_first_not_of(" \t\r\n");
  if (first == line.npos) return {};
  return line.substr(first, line.find_last_not_of(" \t\r\n") - first + 1);
}

int64_t whole_number(std::string_view digits) {
  int64_t out = -1;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), out);
  return result.ec == std::errc() && result.ptr == digits.data() + digits.size() && out >= 0 ? out : -1;
}

/// The head of the last answer; the heads of redirects come before it.
struct Head {
  int64_t length = -1;  ///< Content-Length
  bool chunked = false;
  int64_t range_begin = -1, total = -1;  ///< Content-Range: bytes BEGIN-END/TOTAL
  std::string etag, last_modified;

  void add(std::string_view line) {
    if (line.starts_with("HTTP/")) *this = {};
    const auto colon = line.find(':');
    if (colon == line.npos) return;
    const auto name = lower(line.substr(0, colon));
    const auto value = trimmed(line.substr(colon + 1));
    if (name == "content-length" && !chunked) length = whole_number(value);
    // The length of the file is then not known, whatever the server says besides (RFC 9112, 6.3).
    if (name == "transfer-encoding") chunked = true, length = -1;
    if (name == "etag") etag = value;
    if (name == "last-modified") last_modified = value;
    if (name == "content-range" && value.starts_with("bytes ")) {
      const auto range = trimmed(value.substr(6));
      const auto dash = range.find('-'), slash = range.find('/');
      if (dash < slash) range_begin = whole_number(range.substr(0, dash));
      if (slash != range.npos) total = whole_number(range.substr(slash + 1));
    }
  }

  /// A weak ETag says "means the same", not "is the same bytes"; RFC 9110, 13.1.5 forbids it in If-Range.
  std::string validator() const { return etag.starts_with('"') ? etag : last_modified; }
};

/// One request, whose body is appended to the part.
class Try {
 public:
  Try(const std::string& url, DownloadPart& part, const DownloadOptions& options, bool resume, int64_t& received)
      : url_(url),
        shown_(without_credentials(url)),
        part_(part),
        options_(options),
        received_(received),
        offset_(resume ? part.size() : 0) {}

  TryOutcome run();

 private:
  static size_t on_header(char* line, size_t, size_t count, void* self) {
    static_cast<Try*>(self)->head_.add({line, count});
    return count;
  }
  static size_t on_body(char* bytes, size_t, size_t count, void* self) {
    auto& me = *static_cast<Try*>(self);
    try {
      return me.take({bytes, count}) ? count : 0;  // 0 ends the transfer
    } catch (...) {                                // exceptions must not pass through C
      me.thrown_ = std::current_exception();
      return 0;
    }
  }

  void set_up();
  std::optional<CURLcode> transfer();
  bool begin();
  bool take(std::string_view bytes);
  bool has_room(int64_t wanted);
  long status() const;
  TryOutcome answer_refused() const;
  TryOutcome transfer_failed(CURLcode code) const;
  std::string so_far() const;
  std::string kept() const;

  const std::string& url_;
  const std::string shown_;
  DownloadPart& part_;
  const DownloadOptions& options_;
  int64_t& received_;
  const int64_t offset_;

  std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> easy_{curl_easy_init(), &curl_easy_cleanup};
  std::unique_ptr<CURLM, decltype(&curl_multi_cleanup)> multi_{curl_multi_init(), &curl_multi_cleanup};
  curl_slist* request_headers_ = nullptr;
  char detail_[CURL_ERROR_SIZE] = "";
  Head head_;
  std::exception_ptr thrown_;
  std::optional<TryOutcome> ended_;  ///< set when this side ended the transfer
  Clock::time_point last_byte_;      ///< time of the last byte
  int64_t total_ = -1;
  int64_t since_check_ = 0;  ///< bytes received since the free space was looked at
  bool begun_ = false;
};

void Try::set_up() {
  if (!easy_ || !multi_) throw SystemError("libcurl cannot be started");
  const auto set = [this](CURLoption option, auto value) { curl_easy_setopt(easy_.get(), option, value); };
  set(CURLOPT_URL, url_.c_str());
  set(CURLOPT_PROTOCOLS_STR, options_.allow_file_urls ? "http,https,file" : "http,https");
  set(CURLOPT_REDIR_PROTOCOLS_STR, lower(url_).starts_with("https:") ? "https" : "http,https");
  set(CURLOPT_FOLLOWLOCATION, 1L);
  set(CURLOPT_MAXREDIRS, 10L);
  set(CURLOPT_USERAGENT, ("monge/" + version()).c_str());
  set(CURLOPT_ERRORBUFFER, static_cast<char*>(detail_));
  set(CURLOPT_HEADERFUNCTION, &Try::on_header);
  set(CURLOPT_HEADERDATA, static_cast<void*>(this));
  set(CURLOPT_WRITEFUNCTION, &Try::on_body);
  set(CURLOPT_WRITEDATA, static_cast<void*>(this));
  if (const char* certificates = std::getenv("SSL_CERT_FILE")) set(CURLOPT_CAINFO, certificates);
  if (offset_ == 0) return;
  // Not CURLOPT_RESUME_FROM: with it libcurl fails when a server answers with the whole file, which is acceptable here.
  set(CURLOPT_RANGE, text(offset_, "-").c_str());
  if (part_.origin().url == shown_ && !part_.origin().validator.empty()) {
    request_headers_ = curl_slist_append(nullptr, ("If-Range: " + part_.origin().validator).c_str());
    set(CURLOPT_HTTPHEADER, request_headers_);
  }
}

/// @return nothing when the user stopped it or the server stalled (`ended_` says which).
std::optional<CURLcode> Try::transfer() {
  curl_multi_add_handle(multi_.get(), easy_.get());
  last_byte_ = Clock::now();
  for (int64_t seen = -1;;) {
    int running = 0, left = 0;
    curl_multi_perform(multi_.get(), &running);
    while (const auto* message = curl_multi_info_read(multi_.get(), &left)) {
      if (message->msg == CURLMSG_DONE) return message->data.result;
    }
    if (options_.stop && *options_.stop) {
      ended_ = TryOutcome{TryOutcome::stopped};
      return {};
    }
    if (std::exchange(seen, received_) != received_) last_byte_ = Clock::now();
    if (Seconds(Clock::now() - last_byte_).count() > options_.stall_seconds) {
      ended_ =
          TryOutcome{TryOutcome::broken, text("no data arrived for ", number(options_.stall_seconds), " s", so_far())};
      return {};
    }
    curl_multi_poll(multi_.get(), nullptr, 0, 100, nullptr);
  }
}

long Try::status() const {
  long out = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &out);
  return out;  // 0 for file://
}

/// Checks the head before the first byte of the body. @return false to end the transfer.
bool Try::begin() {
  begun_ = true;
  const long answer = status();
  if (answer != 0 && (answer < 200 || answer > 299)) {
    ended_ = answer_refused();
    return false;
  }
  if (answer == 206 && offset_ == 0) {
    ended_ = answer_refused();
    return false;
  }
  if (answer == 206) {
    const bool changed = part_.origin().url == shown_ && !part_.origin().validator.empty() &&
                         !head_.validator().empty() && head_.validator() != part_.origin().validator;
    if (head_.range_begin != offset_ || changed) {
      ended_ = TryOutcome{TryOutcome::not_resumable};
      return false;
    }
    total_ = head_.total;
  } else {
    part_.restart({shown_, head_.validator()});
    total_ = head_.length;
  }
  if (options_.bytes >= 0 && total_ >= 0 && total_ != options_.bytes) {
    ended_ = TryOutcome{TryOutcome::wrong_size, text(total_)};
    return false;
  }
  if (total_ > options_.most_bytes) {
    ended_ = TryOutcome{TryOutcome::too_large, text(total_)};
    return false;
  }
  const int64_t known = total_ >= 0 ? total_ : options_.bytes;
  if (known > part_.size() && !has_room(known - part_.size())) return false;
  if (options_.progress) options_.progress(part_.size(), known);
  return true;
}

/// Whether `wanted` bytes are free. If not, it ends the transfer, whose part is kept.
bool Try::has_room(int64_t wanted) {
  const auto parent = part_.path().parent_path();
  const int64_t free = FolderWriter(parent.empty() ? "." : parent).free_bytes();
  if (free < 0 || free >= wanted) return true;
  ended_ = TryOutcome{TryOutcome::refused,
                      text("there is not enough free space on the disk of ", part_.path().string(), ": ", free,
                           " bytes are free, at least ", wanted, " are needed"),
                      "free some space and run the command again" + kept()};
  return false;
}

bool Try::take(std::string_view bytes) {
  if (!begun_ && !begin()) return false;
  if (options_.bytes >= 0 && part_.size() + static_cast<int64_t>(bytes.size()) > options_.bytes) {
    ended_ = TryOutcome{TryOutcome::wrong_size,
                        text("more than ", options_.bytes)};  // of a server that does not say how much
    return false;
  }
  if (part_.size() + static_cast<int64_t>(bytes.size()) > options_.most_bytes) {
    ended_ = TryOutcome{TryOutcome::too_large, text("more than ", options_.most_bytes)};
    return false;
  }
  // The body of a 206 may be longer than its Content-Range says, for which the space and the limits were checked.
  if (total_ >= 0 && part_.size() + static_cast<int64_t>(bytes.size()) > total_) {
    ended_ = offset_ > 0 ? TryOutcome{TryOutcome::not_resumable}
                         : TryOutcome{TryOutcome::broken,
                                      text("the server sent more than the ", total_, " bytes that it had announced")};
    return false;
  }
  constexpr int64_t kBetweenChecks = int64_t{16} << 20;
  since_check_ += static_cast<int64_t>(bytes.size());
  if (total_ < 0 && options_.bytes < 0 && since_check_ >= kBetweenChecks) {
    since_check_ = 0;
    if (!has_room(options_.spare_bytes)) return false;
  }
  part_.append(bytes);
  received_ += static_cast<int64_t>(bytes.size());
  if (options_.progress) options_.progress(part_.size(), total_ >= 0 ? total_ : options_.bytes);
  return true;
}

std::string Try::so_far() const {
  if (part_.size() == 0) return {};
  return text(", after ", part_.size(), total_ >= 0 ? text(" of ", total_) : "", " bytes");
}

std::string Try::kept() const {
  return part_.size() == 0 ? "" : text("; ", part_.size(), " bytes are kept in ", part_.path().string());
}

TryOutcome Try::answer_refused() const {
  const long answer = status();
  if (answer == 416 && offset_ > 0) return {TryOutcome::not_resumable};
  const std::string what = text("the server answered ", answer);
  for (const long passing : {408, 425, 429, 500, 502, 503, 504}) {
    curl_off_t wish = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RETRY_AFTER, &wish);
    if (answer == passing) {
      return {TryOutcome::broken,
              what + " (it is busy or has an error)",
              {},
              false,
              std::min(static_cast<double>(wish), 60.0)};
    }
  }
  TryOutcome out{TryOutcome::refused, what + " instead of sending the file"};
  out.is_input_error = true;
  switch (answer) {
    case 401:
    case 403:
      out.what = what + " (access to this file is denied)";
      break;
    case 404:
    case 410:
      out.what = what + " (there is no such file)";
      out.fix = "check the address";
      break;
    case 407:
      out.what = what + " (the proxy requires a user name and a password)";
      out.fix = "set them in http_proxy or https_proxy";
      break;
  }
  return out;
}

TryOutcome Try::transfer_failed(CURLcode code) const {
  const std::string network = "check the network; behind a proxy, also check http_proxy and https_proxy";
  const std::string detail = detail_[0] ? detail_ : curl_easy_strerror(code);
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return {TryOutcome::refused, "the server's name cannot be resolved (DNS)", network};
    case CURLE_COULDNT_RESOLVE_PROXY:
      return {TryOutcome::refused, "the proxy's name cannot be resolved (DNS)", "check http_proxy and https_proxy"};
    case CURLE_COULDNT_CONNECT:
      return {TryOutcome::broken, "the server cannot be reached: " + detail, network};
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_ISSUER_ERROR:
      return {TryOutcome::refused, "no secure connection (TLS): " + detail,
              "install ca-certificates and check the clock; if a proxy has its own certificates, name them in "
              "SSL_CERT_FILE"};
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_OPERATION_TIMEDOUT:
      return {TryOutcome::broken, "the transfer was interrupted" + so_far() + ": " + detail};
    case CURLE_TOO_MANY_REDIRECTS:
      return {TryOutcome::refused, "the server redirects too many times"};
    case CURLE_UNSUPPORTED_PROTOCOL:
      return {TryOutcome::refused, "the server redirects to a protocol that is not followed: " + detail};
    case CURLE_URL_MALFORMAT:
      return {TryOutcome::refused, "is not a valid address: " + detail, {}, true};
    case CURLE_FILE_COULDNT_READ_FILE:
      return {TryOutcome::refused, "cannot be read", "check the path", true};
    default:
      return {TryOutcome::refused, detail};
  }
}

TryOutcome Try::run() {
  set_up();
  const auto code = transfer();
  const bool done = code && *code == CURLE_OK;
  if (done && !begun_) begin();  // an empty body
  curl_multi_remove_handle(multi_.get(), easy_.get());
  curl_slist_free_all(request_headers_);
  if (thrown_) std::rethrow_exception(thrown_);
  auto out = ended_ ? *ended_ : done ? TryOutcome{} : transfer_failed(*code);
  // An answer may be complete by itself and still lack bytes of the file: a range shorter than requested.
  if (done && !ended_ && total_ >= 0 && part_.size() != total_) {
    const auto what = text("the server sent ", part_.size(), " of ", total_, " bytes");
    // Without an earlier part there is nothing to do without, so a repetition counts as one.
    const bool joined_wrongly = part_.size() > total_ && offset_ > 0;
    out = joined_wrongly ? TryOutcome{TryOutcome::not_resumable} : TryOutcome{TryOutcome::broken, what};
  }
  out.continued = offset_ > 0 && status() == 206;
  return out;
}

}  // namespace

TryOutcome try_download(const std::string& url, DownloadPart& part, const DownloadOptions& options, bool resume,
                        int64_t& received) {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (started != CURLE_OK) throw SystemError("libcurl cannot be started");
  return Try(url, part, options, resume, received).run();
}

}  // namespace monge::fetch
