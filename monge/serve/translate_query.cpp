#include "monge/serve/translate_query.h"

#include <charconv>
#include <limits>

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/core/nearest.h"

namespace monge::serve {
namespace {

[[noreturn]] void refuse(const std::string& key, const std::string& value, const std::string& allowed) {
  throw InputError({.what = "the value cannot be used", .where = key, .value = shown(value), .allowed = allowed});
}

template <class Number>
Number parse(const std::string& key, const std::string& value, Number least, Number most, const std::string& allowed) {
  Number out{};
  const auto* end = value.data() + value.size();
  const auto [stop, failure] = std::from_chars(value.data(), end, out);
  if (failure != std::errc() || stop != end || !(out >= least && out <= most)) refuse(key, value, allowed);
  return out;
}

bool flag(const std::string& key, const std::string& value) {
  if (value == "1" || value == "true") return true;
  if (value != "0" && value != "false") refuse(key, value, "0 or 1");
  return false;
}

}  // namespace

TranslateQuery parse_translate_query(const std::map<std::string, std::string>& query, int64_t most_samples) {
  TranslateQuery out;
  auto& options = out.options;
  for (const auto& [key, value] : query) {
    if (key == "model") {
      out.model = value;
    } else if (value.empty()) {
      continue;  // as a form sends a field that is left empty
    } else if (key == "inverse") {
      out.inverse = flag(key, value);
    } else if (key == "samples") {
      options.samples = parse<int64_t>(key, value, 1, most_samples, text("1 to ", most_samples));
    } else if (key == "seed") {
      options.seed = parse<int64_t>(key, value, 0, std::numeric_limits<int64_t>::max(), "a whole number from 0");
    } else if (key == "t") {
      options.t = parse<double>(key, value, 0, 1, "0 (the input) to 1 (the output)");
    } else if (key == "deterministic") {
      options.deterministic = flag(key, value);
    } else if (key == "noise_scale") {
      options.noise_scale = parse<double>(key, value, 0, 4, "0 (without noise) to 4; 1 is the noise of the training");
    } else if (key == "size") {
      options.size = value;
    } else if (key == "noise") {
      if (value != "item" && value != "fixed") refuse(key, value, "item or fixed");
      options.noise = value;
    } else {
      const std::vector<std::string> keys{"model",       "samples", "seed",  "t",      "deterministic",
                                          "noise_scale", "size",    "noise", "inverse"};
      throw InputError({.what = "unknown key in the query",
                        .value = shown(key),
                        .allowed = join(keys),
                        .fix = suggestion(key, keys)});
    }
  }
  return out;
}

}  // namespace monge::serve
