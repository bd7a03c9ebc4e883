// Answers in JSON.
#pragma once

#include <nlohmann/json.hpp>

#include "monge/serve/http_message.h"
#include "monge/session/summary.h"

namespace monge::serve {

inline Response json_response(const nlohmann::ordered_json& value) {
  return {.body = session::json_text(value) + "\n"};
}

}  // namespace monge::serve
