#include "monge/data/array_path.h"

#include <algorithm>
#include <array>

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/data/spec.h"

namespace monge::data {
namespace {

namespace fs = std::filesystem;

bool is_text(const std::string& extension) { return extension == ".csv" || extension == ".tsv" || extension == ".txt"; }

ArrayPath take(Spec& spec) {
  ArrayPath out{.file = spec.name()};
  const auto extension = lower_extension(out.file);
  auto& table = out.table;
  if (extension == ".npz") out.key = spec.word("key", "");
  table.columns = spec.word("columns", "");
  require(!spec.has("columns") || !table.columns.empty(), spec.line(), ": no columns are named after columns=");
  if (extension != ".npz" && extension != ".npy") {
    table.index = spec.word("index", "");
    table.header = spec.word("header", "auto", {"auto", "yes", "no"});
    table.separator = spec.word("separator", "auto", {"auto", "comma", "semicolon", "tab", "bar", "blank"});
    table.decimal = spec.word("decimal", "auto", {"auto", "point", "comma"});
    const auto missing = spec.word("missing", "refuse", {"refuse", "drop"});
    if (missing == "drop") table.missing = io::TextTableOptions::Missing::drop;
  }
  spec.refuse_unknown();
  return out;
}

}  // namespace

bool has_array_extension(const fs::path& path) {
  const auto extension = lower_extension(path);
  if (extension == ".gz") return is_text(lower_extension(path.stem()));
  return extension == ".npy" || extension == ".npz" || is_text(extension);
}

ArrayPath array_path(const std::string& line) {
  std::error_code ignored;
  if (fs::exists(line, ignored)) return {.file = line};
  if (Spec::is("npz", line)) {
    Spec spec(line);
    require(!spec.name().empty(), line, ": names no file; the form is npz:FILE.npz?key=NAME");
    require(lower_extension(spec.name()) == ".npz", line, ": ", spec.name(), " is no .npz file");
    return take(spec);
  }
  for (auto mark = line.find('?'); mark != std::string::npos; mark = line.find('?', mark + 1)) {
    if (!has_array_extension(line.substr(0, mark))) continue;
    Spec spec(line, mark);
    return take(spec);
  }
  return {.file = line};
}

}  // namespace monge::data
