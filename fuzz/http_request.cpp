// Fuzzes what the server reads of a request beside libmicrohttpd: targets, queries of /v1/translate, forms, media
// types. The first line of an input is the target, the second the Content-Type, the rest is the body.
//
//     script/fuzz http_request SECONDS
#include "fuzz/target.h"
#include "monge/serve/http_message.h"
#include "monge/serve/translate_query.h"

#ifdef MONGE_LIBFUZZER
#include <nlohmann/json.hpp>

namespace monge::session {

// As in session/summary.cpp, whose other functions would need the whole library.
std::string json_text(const nlohmann::ordered_json& object, int indent) {
  return object.dump(indent, ' ', /*ensure_ascii=*/false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace monge::session
#endif

MONGE_FUZZ_TARGET(http_request) {
  using namespace monge;
  using fuzz::expect;
  const auto line = [&](size_t begin) { return std::min(input.find('\n', begin), input.size()); };
  const auto target_end = line(0), type_begin = std::min(target_end + 1, input.size()), type_end = line(type_begin);
  const auto body = input.substr(std::min(type_end + 1, input.size()));
  const std::string type(input.substr(type_begin, type_end - type_begin));

  serve::Request request;
  if (!serve::read_target(input.substr(0, target_end), request)) {
    for (const auto& part : request.path) expect(part.find('\0') == std::string::npos);
    try {
      const auto query = serve::parse_translate_query(request.query, 64);
      expect(query.options.samples >= 1 && query.options.samples <= 64);
    } catch (const InputError& error) {
      expect(!serve::error_response(400, error.complaint()).body.empty());
    }
  }
  serve::media_type(type);
  request.headers["accept"] = type;
  serve::accepts(request, "image/png");
  try {
    for (const auto& part : serve::form_parts(type, body)) {
      // Each content is a view of the body.
      expect(part.content.empty() || (part.content.data() >= body.data() &&
                                      part.content.data() + part.content.size() <= body.data() + body.size()));
    }
  } catch (const InputError&) {
  }
}
