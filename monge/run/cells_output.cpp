#include "monge/run/cells_output.h"

#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/data/spec.h"

namespace monge::run {
namespace {

namespace fs = std::filesystem;

constexpr const char* kExtension = ".h5ad";

/// A name of an element; `otherwise` if the parameter is not given.
std::string element_name(data::Spec& spec, const std::string& key, const std::string& otherwise = "") {
  const auto name = spec.word(key, otherwise);
  if (spec.has(key) && (name.empty() || name.find('/') != std::string::npos)) {
    throw InputError({.what = "the parameter " + key + " must be a name without slashes",
                      .where = spec.line(),
                      .value = shown(name)});
  }
  return name;
}

}  // namespace

std::optional<CellsOutput> cells_output(const std::string& out) {
  std::error_code ignored;
  if (fs::exists(out, ignored) || out.find('?') == std::string::npos)
    return lower_extension(out) == kExtension ? std::optional(CellsOutput{.file = out}) : std::nullopt;
  for (auto mark = out.find('?'); mark != std::string::npos; mark = out.find('?', mark + 1)) {
    if (lower_extension(out.substr(0, mark)) != kExtension) continue;
    data::Spec spec(out, mark);
    CellsOutput place{.file = spec.name()};
    place.layer = element_name(spec, "layer");
    place.obsm = element_name(spec, "obsm");
    place.genes = element_name(spec, "genes");
    place.loadings = element_name(spec, "loadings", place.loadings);
    place.keeps_rest = spec.word("rest", "drop", {"drop", "keep"}) == "keep";
    if (const auto range = spec.word("range", ""); !range.empty()) place.range = parse_value_range(range, "range");
    spec.refuse_unknown();
    for (const char* key : {"loadings", "rest", "range"}) {
      require(!place.genes.empty() || !spec.has(key), out, ": ", key,
              "= belongs to genes=NAME, the layer of genes that are computed from an embedding");
    }
    return place;
  }
  return std::nullopt;
}

fs::path output_file(const std::string& out) {
  const auto cells = cells_output(out);
  return cells ? cells->file : fs::path(out);
}

}  // namespace monge::run
