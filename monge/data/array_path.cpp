#include "monge/data/array_path.h"

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/data/cell_conditions.h"
#include "monge/data/member_path.h"
#include "monge/data/spec.h"

namespace monge::data {
namespace {

namespace fs = std::filesystem;

std::string extension_of(const fs::path& path) {
  const auto extension = lower_extension(path);
  if (extension == ".npy" || extension == ".npz" || extension == ".h5ad") return extension;
  const auto inner = extension == ".gz" ? lower_extension(path.stem()) : extension;
  return inner == ".csv" || inner == ".tsv" || inner == ".txt" ? ".csv" : "";
}

void take_cells(Spec& spec, ArrayPath& out) {
  auto& cells = out.cells;
  cells.layer = spec.word("layer", "");
  cells.obsm = spec.word("obsm", "");
  cells.raw = spec.word("raw", "no", {"yes", "no"}) == "yes";
  for (const char* key : {"layer", "obsm"})
    require(!spec.has(key) || !spec.word(key, "").empty(), spec.line(), ": ", key, "= names nothing");
  require(!cells.layer.empty() + !cells.obsm.empty() + cells.raw <= 1, spec.line(),
          ": layer=, obsm= and raw=yes exclude each other: each names the table in place of X");
  if (spec.has("where")) out.conditions = cell_conditions(spec.word("where", ""), spec.line());
  out.table.missing = spec.choice("missing", io::TextTableOptions::Missing::refuse, missing_names());
}

ArrayPath take(Spec& spec) {
  ArrayPath out{.file = spec.name()};
  const auto extension = array_extension(out.file);
  auto& table = out.table;
  if (extension == ".npz") out.key = spec.word("key", "");
  table.columns = spec.word("columns", "");
  require(!spec.has("columns") || !table.columns.empty(), spec.line(), ": columns= names no columns");
  if (extension == ".h5ad") take_cells(spec, out);
  if (extension == ".csv") {
    table.index = spec.word("index", "");
    table.header = spec.word("header", "auto", {"auto", "yes", "no"});
    table.separator = spec.word("separator", "auto", {"auto", "comma", "semicolon", "tab", "bar", "blank"});
    table.decimal = spec.word("decimal", "auto", {"auto", "point", "comma"});
    table.missing = spec.choice("missing", io::TextTableOptions::Missing::refuse, missing_names());
  }
  spec.refuse_unknown();
  return out;
}

}  // namespace

const ValueNames<io::TextTableOptions::Missing>& missing_names() {
  using Missing = io::TextTableOptions::Missing;
  static const ValueNames<Missing> names{{"refuse", Missing::refuse}, {"drop", Missing::drop}};
  return names;
}

std::string array_extension(const fs::path& path) {
  // "emoji?names=list.txt" are images, whatever the list is called.
  if (const auto set = member_path(path.string()).set; set != path.string()) return extension_of(set);
  const auto whole = extension_of(path);
  const auto name = path.filename().string();
  return whole.empty() && name.find('?') != std::string::npos ? extension_of(name.substr(0, name.find('?'))) : whole;
}

bool has_array_extension(const fs::path& path) { return !array_extension(path).empty(); }

ArrayPath array_path(const std::string& line) {
  std::error_code ignored;
  if (fs::exists(line, ignored)) return {.file = line};
  if (Spec::is("npz", line)) {
    Spec spec(line);
    require(!spec.name().empty(), line, ": names no file; the form is npz:FILE.npz?key=NAME");
    require(lower_extension(spec.name()) == ".npz", line, ": ", spec.name(), " is not a .npz file");
    return take(spec);
  }
  for (auto mark = line.find('?'); mark != std::string::npos; mark = line.find('?', mark + 1)) {
    if (extension_of(line.substr(0, mark)).empty()) continue;
    Spec spec(line, mark);
    return take(spec);
  }
  return {.file = line};
}

}  // namespace monge::data
