// Reads recipes from TOML. This is the only file that includes toml++.
#include <algorithm>
#include <array>
#include <sstream>

#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/user_words.h"
#include "monge/train/recipe.h"

#define TOML_EXCEPTIONS 1
#include <toml++/toml.h>

namespace monge::train {
namespace {

namespace fs = std::filesystem;

OptionValue value_of(const toml::node& node, const std::string& key, const std::string& where) {
  if (const auto* v = node.as_boolean()) return v->get();
  if (const auto* v = node.as_integer()) return v->get();
  if (const auto* v = node.as_floating_point()) return v->get();
  if (const auto* v = node.as_string()) return v->get();
  if (const auto* list = node.as_array()) {
    std::vector<double> reals;
    std::vector<int64_t> wholes;
    for (const auto& entry : *list) {
      if (const auto* v = entry.as_integer()) {
        wholes.push_back(v->get());
        reals.push_back(static_cast<double>(v->get()));
      } else if (const auto* v = entry.as_floating_point()) {
        reals.push_back(v->get());
      } else {
        throw InputError(text(where, ": ", key, " must be a list of numbers"));
      }
    }
    if (wholes.size() == reals.size() && !wholes.empty()) return wholes;
    return reals;
  }
  throw InputError(text(where, ": ", key, " has a type that no option accepts (a date?)"));
}

toml::table parse(const std::string& toml, const std::string& where) {
  try {
    return toml::parse(toml, where);
  } catch (const toml::parse_error& error) {
    throw InputError(text(where, ", line ", error.source().begin.line, ": not valid TOML: ", error.description()));
  }
}

void apply(const toml::table& table, const std::string& prefix, const OptionTable& options, const std::string& where) {
  for (const auto& [name, node] : table) {
    const std::string key = prefix.empty() ? std::string(name.str()) : prefix + "." + std::string(name.str());
    const std::string here = text(where, ", line ", node.source().begin.line);
    if (const auto* inner = node.as_table()) {
      if (!prefix.empty()) options.at(key, here);  // sections do not nest: name the nearest key instead
      apply(*inner, key, options, where);
    } else {
      options.set(key, value_of(node, key, here), here);
    }
  }
}

/// The first of several shards in braces: "a-000.tar" for "a-{000..146}.tar". The first one shows in which folder they
/// all lie. Without braces, the path itself.
std::string first_of(const std::string& path) {
  const auto open = path.find('{'), dots = path.find("..", open), close = path.find('}', dots);
  if (open == std::string::npos || dots == std::string::npos || close == std::string::npos) return path;
  return path.substr(0, open) + path.substr(open + 1, dots - open - 1) + path.substr(close + 1);
}

/// Does the same for the file of "?names=FILE", see data::ImageChoice.
void resolve_list(std::string& parameters, const fs::path& folder) {
  constexpr std::string_view kKey = "names=";
  for (size_t at = 0; (at = parameters.find(kKey, at)) != std::string::npos; at += kKey.size()) {
    if (parameters[at - 1] != '?' && parameters[at - 1] != '&') continue;
    const auto begin = at + kKey.size(), end = std::min(parameters.find('&', begin), parameters.size());
    const fs::path file = parameters.substr(begin, end - begin);
    std::error_code ignored;
    if (file.empty() || file.is_absolute() || !fs::exists(folder / file, ignored)) return;
    parameters.replace(begin, end - begin, (folder / file).lexically_normal().string());
    return;
  }
}

/// Makes a path that exists in `folder` relative to it. These paths may be relative to the recipe: "font:FILE?...",
/// "w2bench:FILE?...", "npz:FILE?...", "FILE.parquet?...", shards and plain paths.
void resolve(std::string& path, const fs::path& folder) {
  if (path.empty() || path.starts_with("toy:") || path == "inception") return;  // a value of eval.features
  std::string prefix;
  for (const char* kind : {"font:", "w2bench:", "npz:"}) {
    if (path.starts_with(kind)) prefix = kind;
  }
  const auto rest = path.substr(prefix.size());
  std::error_code ignored;
  const bool whole = prefix.empty() && fs::exists(folder / rest, ignored);  // a '?' may belong to the name of a file
  const auto mark = whole ? std::string::npos : rest.find('?');
  const fs::path file = rest.substr(0, mark);
  const bool there = fs::exists(folder / file, ignored) || fs::exists(folder / first_of(file), ignored);
  auto parameters = mark == std::string::npos ? "" : rest.substr(mark);
  resolve_list(parameters, folder);
  const auto found = file.is_absolute() || !there ? file : (folder / file).lexically_normal();
  path = prefix + found.string() + parameters;
}

/// The options whose values may name files.
std::array<std::string*, 7> paths_of(Recipe& recipe) {
  auto& e = recipe.eval;
  return {&recipe.source.path, &recipe.target.path, &e.source, &e.target, &e.features, &e.weights, &recipe.train.init};
}

}  // namespace

std::optional<OptionValue> toml_value(const std::string& text) {
  try {
    const auto table = toml::parse("value = " + text);
    if (table.size() == 1) return value_of(*table.get("value"), "value", "");
  } catch (const toml::parse_error&) {
  } catch (const InputError&) {  // a date, a list of texts
  }
  return std::nullopt;
}

void make_paths_absolute(Recipe& recipe) {
  std::error_code ignored;
  const auto here = fs::current_path(ignored);
  if (ignored) return;
  for (auto* entry : paths_of(recipe)) resolve(*entry, here);
}

Recipe parse_recipe(const std::string& toml, const std::string& where, const std::vector<std::string>& assignments,
                    const fs::path& folder) {
  Recipe recipe;
  const auto options = recipe.options();
  apply(parse(toml, where), "", options, where);
  if (!folder.empty()) {
    for (auto* entry : paths_of(recipe)) resolve(*entry, folder);
  }
  for (const auto& assignment : assignments) options.assign(assignment, user_word("assignment"), toml_value);
  validate(recipe);
  return recipe;
}

Recipe saved_recipe(const std::string& toml, const std::string& where) {
  Recipe recipe;
  for (auto* side : {&recipe.source, &recipe.target}) {
    side->exif = "ignore";
    side->colour = "rgb";
  }
  apply(parse(toml, where), "", recipe.options(), where);
  validate(recipe);
  return recipe;
}

Recipe read_recipe(const fs::path& path, const std::vector<std::string>& assignments) {
  const auto folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  return parse_recipe(real_files().read(path), path.string(), assignments, folder);
}

}  // namespace monge::train
