// Requests and answers of HTTP as the server passes them on, and the parts of RFC 9110 and RFC 7578 that read them.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "monge/core/error.h"
#include "monge/serve/byte_budget.h"

namespace monge::serve {

class EventStream;

/// What a client asks for. All texts are untrusted.
struct Request {
  std::string method;
  std::vector<std::string> path;               ///< the segments between "/", decoded; "/" has none
  std::map<std::string, std::string> query;    ///< decoded; of equal keys the last one
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
  std::string remote;  ///< the numeric address of the client
  std::string route;   ///< set by the handler: the pattern that the path matches, for statistics
  std::vector<std::pair<std::string, std::string>> answer_headers = {};  ///< of each answer; set by the handler
  ByteBudget::Hold held;  ///< the share of the body in the memory for all bodies

  /// The value of a header; empty if it is absent.
  std::string header(const std::string& name) const;
};

/// Sets path and query from the target of a request line.
/// @return what is wrong with it; nothing if it is a path. A "%" that begins no byte, a NUL or another control
///         character, and a target of more than 8,192 bytes are faults.
std::optional<Complaint> read_target(std::string_view target, Request& request);

/// An answer. The server adds the headers that all answers have.
struct Response {
  int status = 200;
  std::string type = "application/json";
  std::string body = {};
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::shared_ptr<EventStream> events = {};  ///< sent instead of the body until it is closed; may be null
};

/// {"error": {"what", "where", "value", "allowed", "fix"}}; empty parts are left out.
Response error_response(int status, const Complaint& complaint);
Response error_response(int status, const std::string& what);

/// The words of a status ("Not Found").
std::string_view status_words(int status);

/// Decodes %XX, and "+" as a space if `plus`. @return nothing for a "%" that is followed by no two hexadecimal digits.
std::optional<std::string> percent_decoded(std::string_view text, bool plus);

/// A part of a multipart/form-data body.
struct FormPart {
  std::string name, file_name, type;
  std::string_view content;  ///< a view of the body
};

/// The parts of a body whose Content-Type is `type`.
/// @throws InputError for a type without a boundary, a body that does not end with it, or more than 100 parts.
std::vector<FormPart> form_parts(const std::string& type, std::string_view body);

/// A media type without its parameters, in lower case: "image/png" of "Image/PNG; x=1".
std::string media_type(std::string_view type);

/// Whether the Accept header names this media type itself, not by a wildcard.
bool accepts(const Request& request, std::string_view type);

}  // namespace monge::serve
