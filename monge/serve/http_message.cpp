#include "monge/serve/http_message.h"

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "monge/core/ascii.h"
#include "monge/core/names.h"
#include "monge/session/summary.h"

namespace monge::serve {
namespace {

constexpr size_t kLongestTarget = 8192;

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 32 || c == 127; });
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t"), last = text.find_last_not_of(" \t");
  return first == std::string_view::npos ? std::string_view() : text.substr(first, last - first + 1);
}

/// The value of a parameter of a header ("boundary", "name"), without quotes; empty if there is none.
std::string parameter(std::string_view header, std::string_view name) {
  size_t at = header.find(';');
  while (at != std::string_view::npos) {
    auto rest = trimmed(header.substr(at + 1));
    const auto equals = rest.find('=');
    if (equals == std::string_view::npos) return {};
    const bool found = lower_case(trimmed(rest.substr(0, equals))) == name;
    rest = trimmed(rest.substr(equals + 1));
    std::string value;
    size_t end = 0;
    if (!rest.empty() && rest[0] == '"') {
      for (end = 1; end < rest.size() && rest[end] != '"'; ++end) {
        if (rest[end] == '\\' && end + 1 < rest.size()) ++end;
        value += rest[end];
      }
    } else {
      end = std::min(rest.find(';'), rest.size());
      value = trimmed(rest.substr(0, end));
    }
    if (found) return value;
    const auto next = rest.find(';', end);
    at = next == std::string_view::npos ? next : static_cast<size_t>(rest.data() - header.data()) + next;
  }
  return {};
}

/// Reads the header lines of a part.
void read_part_headers(std::string_view lines, FormPart& part) {
  while (!lines.empty()) {
    const auto end = std::min(lines.find("\r\n"), lines.size());
    const auto line = lines.substr(0, end);
    lines.remove_prefix(std::min(end + 2, lines.size()));
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const auto name = lower_case(line.substr(0, colon));
    const auto value = trimmed(line.substr(colon + 1));
    if (name == "content-type") part.type = media_type(value);
    if (name != "content-disposition") continue;
    part.name = parameter(value, "name");
    part.file_name = parameter(value, "filename");
  }
}

}  // namespace

std::string Request::header(const std::string& name) const {
  const auto found = headers.find(name);
  return found == headers.end() ? "" : found->second;
}

std::optional<std::string> percent_decoded(std::string_view text, bool plus) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = digit_of(text[i + 1]), low = digit_of(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      out += plus && text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

std::optional<Complaint> read_target(std::string_view target, Request& request) {
  const auto bad = [&](const char* what) {
    return Complaint{.what = what, .where = "the target of the request", .value = shown(target)};
  };
  if (target.size() > kLongestTarget) return bad("it has more than 8192 bytes");
  if (target.empty() || target[0] != '/') return bad("it is no path that begins with /");
  const auto mark = std::min(target.find('?'), target.size());
  auto path = target.substr(1, mark - 1);
  while (!path.empty()) {
    const auto end = std::min(path.find('/'), path.size());
    const auto segment = percent_decoded(path.substr(0, end), false);
    if (!segment) return bad("a % in it is not followed by two hexadecimal digits");
    if (has_control(*segment)) return bad("it has control characters");
    request.path.push_back(*segment);
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  auto query = mark < target.size() ? target.substr(mark + 1) : std::string_view();
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const auto pair = query.substr(0, end);
    const auto equals = std::min(pair.find('='), pair.size());
    const auto key = percent_decoded(pair.substr(0, equals), true);
    const auto value = percent_decoded(pair.substr(std::min(equals + 1, pair.size())), true);
    if (!key || !value) return bad("a % in it is not followed by two hexadecimal digits");
    if (has_control(*key) || has_control(*value)) return bad("it has control characters");
    if (!key->empty()) request.query[*key] = *value;
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return std::nullopt;
}

Response error_response(int status, const Complaint& complaint) {
  nlohmann::ordered_json error{{"what", complaint.what}};
  for (const auto& [key, value] : {std::pair{"where", &complaint.where},
                                   {"value", &complaint.value},
                                   {"allowed", &complaint.allowed},
                                   {"fix", &complaint.fix}}) {
    if (!value->empty()) error[key] = *value;
  }
  return {.status = status, .body = session::json_text({{"error", error}}) + "\n"};
}

Response error_response(int status, const std::string& what) { return error_response(status, Complaint{.what = what}); }

std::string_view status_words(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 421:
      return "Misdirected Request";
    case 429:
      return "Too Many Requests";
    case 503:
      return "Service Unavailable";
    default:
      return status < 400 ? "OK" : status < 500 ? "Bad Request" : "Internal Server Error";
  }
}

std::vector<FormPart> form_parts(const std::string& type, std::string_view body) {
  constexpr size_t kMostParts = 100;
  const auto boundary = parameter(type, "boundary");
  require(!boundary.empty() && boundary.size() <= 70, "multipart/form-data: the Content-Type names no boundary");
  const auto mark = "--" + boundary;
  require(body.starts_with(mark), "multipart/form-data: the body does not begin with its boundary");
  body.remove_prefix(mark.size());
  std::vector<FormPart> out;
  while (!body.starts_with("--")) {
    require(body.starts_with("\r\n"), "multipart/form-data: a boundary is not followed by the end of the line");
    require(out.size() < kMostParts, "multipart/form-data: there are more than ", kMostParts, " parts");
    // A part without headers begins with an empty line.
    const auto headers = body.find("\r\n\r\n");
    require(headers != std::string_view::npos, "multipart/form-data: a part has no end of its headers");
    FormPart part;
    if (headers > 2) read_part_headers(body.substr(2, headers - 2), part);
    body.remove_prefix(headers + 4);
    const auto end = body.find("\r\n" + mark);
    require(end != std::string_view::npos, "multipart/form-data: the body ends before its boundary");
    part.content = body.substr(0, end);
    out.push_back(part);
    body.remove_prefix(end + 2 + mark.size());
  }
  return out;
}

std::string media_type(std::string_view type) {
  return lower_case(trimmed(type.substr(0, std::min(type.find(';'), type.size()))));
}

bool accepts(const Request& request, std::string_view type) {
  const auto header = request.header("accept");
  std::string_view rest = header;
  while (!rest.empty()) {
    const auto end = std::min(rest.find(','), rest.size());
    if (media_type(rest.substr(0, end)) == type) return true;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

}  // namespace monge::serve
