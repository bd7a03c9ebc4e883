#include "monge/data/spec.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/nearest.h"

namespace monge::data {
namespace {

/// The whole of `word` as a number, or nothing.
template <class Number>
bool parse(const std::string& word, Number& out) {
  const auto [end, failure] = std::from_chars(word.data(), word.data() + word.size(), out);
  return failure == std::errc() && end == word.data() + word.size();
}

}  // namespace

const ValueNames<Side>& side_names() {
  static const ValueNames<Side> names{{"source", Side::source}, {"target", Side::target}};
  return names;
}

bool SetPart::holds(std::string_view name) const {
  const auto at =
      static_cast<int64_t>(static_cast<double>(content_hash64(name)) * 0x1p-64 * static_cast<double>(count));
  return std::min(at, count - 1) == index - 1;  // a hash near 2^64 rounds up
}

bool Spec::is(std::string_view kind, std::string_view line) {
  return line.size() > kind.size() && line.starts_with(kind) && line[kind.size()] == ':';
}

Spec::Spec(const std::string& line) : line_(line) {
  const auto colon = line.find(':');
  require(colon != std::string::npos && colon > 0, "\"", line, "\": the form is KIND:NAME?key=value&key=value");
  kind_ = line.substr(0, colon);
  const auto question = std::min(line.find('?', colon), line.size());
  name_ = line.substr(colon + 1, question - colon - 1);
  read_parameters(question + 1);
}

Spec::Spec(const std::string& line, size_t question) : line_(line), name_(line.substr(0, question)) {
  read_parameters(question + 1);
}

void Spec::read_parameters(size_t at) {
  while (at < line_.size()) {
    bool quoted = false;
    size_t end = at;
    for (; end < line_.size() && (quoted || line_[end] != '&'); ++end) quoted ^= line_[end] == '"';
    const auto pair = line_.substr(at, end - at);
    const auto equals = pair.find('=');
    require(equals != std::string::npos && equals > 0, line_, ": the parameter \"", pair,
            "\" has no value; write key=value");
    const bool first = parameters_.emplace(pair.substr(0, equals), pair.substr(equals + 1)).second;
    require(first, line_, ": the parameter ", pair.substr(0, equals), " is given twice");
    at = end + 1;
  }
}

const std::string* Spec::find(const std::string& key) {
  known_.push_back(key);
  const auto found = parameters_.find(key);
  return found == parameters_.end() ? nullptr : &found->second;
}

void Spec::refuse(const std::string& key, const std::string& allowed) const {
  throw InputError({.what = "the parameter " + key + " has an invalid value",
                    .where = line_,
                    .value = '"' + parameters_.at(key) + '"',
                    .allowed = allowed});
}

double Spec::number(const std::string& key, double otherwise, double least, double most) {
  const auto* word = find(key);
  if (!word) return otherwise;
  double value = 0;
  const bool fits = parse(*word, value) && std::isfinite(value) && value >= least && value <= most;
  const bool bounded = least > std::numeric_limits<double>::lowest() || most < std::numeric_limits<double>::max();
  if (!fits) refuse(key, bounded ? text("a number, ", least, " to ", most) : "a number");
  return value;
}

int64_t Spec::integer(const std::string& key, int64_t otherwise, int64_t least, int64_t most) {
  const auto* word = find(key);
  if (!word) return otherwise;
  int64_t value = 0;
  if (!parse(*word, value) || value < least || value > most) refuse(key, text("a whole number, ", least, " to ", most));
  return value;
}

int64_t Spec::even(const std::string& key, int64_t otherwise, int64_t least, int64_t most) {
  const int64_t value = integer(key, otherwise, least, most);
  if (value % 2 != 0) refuse(key, text("an even number, ", least, " to ", most));
  return value;
}

std::string Spec::word(const std::string& key, const std::string& otherwise, const std::vector<std::string>& choices) {
  const auto* word = find(key);
  if (!word) return otherwise;
  if (!choices.empty() && std::count(choices.begin(), choices.end(), *word) == 0) refuse(key, join(choices));
  return *word;
}

SetPart Spec::part(const std::string& key) {
  SetPart out;
  const auto* word = find(key);
  if (!word) return out;
  const auto slash = std::min(word->find('/'), word->size() - 1);
  const bool fits = !word->empty() && parse(word->substr(0, slash), out.index) &&
                    parse(word->substr(slash + 1), out.count) && out.index >= 1 && out.index <= out.count;
  if (!fits) {
    throw InputError(text(line_, ": ", key, " must be k/n with 1 <= k <= n, such as 1/2, got \"", *word, '"'));
  }
  return out;
}

void Spec::refuse_unknown() const {
  for (const auto& [key, value] : parameters_) {
    if (std::count(known_.begin(), known_.end(), key) > 0) continue;
    throw InputError({.what = "unknown parameter",
                      .where = line_,
                      .value = '"' + key + '"',
                      .allowed = known_.empty() ? "none" : join(known_),
                      .fix = suggestion(key, known_)});
  }
}

}  // namespace monge::data
