#include "monge/data/source_kinds.h"

#include <algorithm>

#include "monge/core/error.h"
#include "monge/core/nearest.h"
#include "monge/data/arrays.h"
#include "monge/data/glyphs.h"
#include "monge/data/image_source_kinds.h"
#include "monge/data/spec.h"
#include "monge/data/toys.h"
#include "monge/data/w2_benchmark.h"

namespace monge::data {
namespace {

/// The kinds in the order in which they are tried on a path. Tables precede images, because a Parquet file without a
/// column of images is a table.
std::vector<SourceKind> built_in_kinds() {
  std::vector<SourceKind> rows{toy_kind(), glyph_kind(), w2_benchmark_kind()};
  for (auto& kind : array_kinds()) rows.push_back(std::move(kind));
  for (auto& kind : image_source_kinds()) rows.push_back(std::move(kind));
  return rows;
}

/// "a, b or c".
std::string alternatives(std::vector<std::string> words) {
  if (words.size() < 2) return join(words);
  const auto last = words.back();
  words.pop_back();
  return join(words) + " or " + last;
}

}  // namespace

void SourceKinds::add(SourceKind kind) {
  require(!kind.name.empty() && kind.open, "a kind of data needs a name and a function that opens it");
  require(kind.prefix.empty() != !kind.matches, "the kind of data \"", kind.name,
          "\" needs either a prefix or a function that knows its paths");
  for (const auto& row : rows_) {
    require(row.name != kind.name, "a kind of data named \"", kind.name, "\" exists already");
    require(kind.prefix.empty() || row.prefix != kind.prefix, "the prefix \"", kind.prefix, ":\" is already used by ",
            row.name);
  }
  rows_.push_back(std::move(kind));
}

const SourceKind* SourceKinds::find(const std::string& path) const {
  for (const auto& row : rows_) {
    if (!row.prefix.empty() && Spec::is(row.prefix, path)) return &row;
  }
  for (const auto& row : rows_) {
    if (row.matches && row.matches(path)) return &row;
  }
  return nullptr;
}

std::vector<const SourceKind*> SourceKinds::by_place() const {
  std::vector<const SourceKind*> out;
  for (const auto& row : rows_) out.push_back(&row);
  std::stable_sort(out.begin(), out.end(), [](const auto* a, const auto* b) { return a->place < b->place; });
  return out;
}

std::string SourceKinds::help() const {
  std::vector<std::string> words;
  for (const auto* row : by_place()) {
    if (!row->help.empty()) words.push_back(row->help);
  }
  return alternatives(std::move(words));
}

std::string SourceKinds::accepted() const {
  std::vector<std::string> words;
  for (const auto* row : by_place()) {
    if (!row->accepted.empty()) words.push_back(row->accepted);
  }
  return join(words, "; ");
}

std::string SourceKinds::accepted_prefixes() const {
  std::vector<std::string> words;
  for (const auto* row : by_place()) {
    if (!row->prefix.empty() && !row->accepted.empty()) words.push_back(row->accepted);
  }
  return alternatives(std::move(words));
}

SourceKinds& source_kinds() {
  static SourceKinds registry(built_in_kinds());
  return registry;
}

std::string source_help() { return source_kinds().help(); }

}  // namespace monge::data
