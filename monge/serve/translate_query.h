// The query of POST /v1/translate.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "monge/session/translation.h"

namespace monge::serve {

struct TranslateQuery {
  std::string model;  ///< empty: the only one
  bool inverse = false;
  session::TranslateOptions options;
};

/// @throws InputError for an unknown key, with the keys that there are, or a value out of its range.
TranslateQuery parse_translate_query(const std::map<std::string, std::string>& query, int64_t most_samples);

}  // namespace monge::serve
