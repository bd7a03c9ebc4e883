// Fuzzes what is read of the path of a source: its kind, the parameters of tables, images and formulas, shards in
// braces. Files are not opened: a path may name any.
#include <algorithm>

#include "fuzz/target.h"
#include "monge/data/array_path.h"
#include "monge/data/image_collection.h"
#include "monge/data/member_path.h"
#include "monge/data/open.h"
#include "monge/data/parquet_path.h"
#include "monge/data/spec.h"
#include "monge/io/column_choice.h"

MONGE_FUZZ_TARGET(source_path) {
  using namespace monge;
  const std::string line(input.substr(0, 4096));
  if (line.find('\0') != std::string::npos) return;  // options refuse it
  fuzz::accepted([&] { data::source_kinds().find(line); });
  fuzz::accepted([&] { data::array_path(line); });
  fuzz::accepted([&] { data::parquet_path(line); });
  fuzz::accepted([&] { data::expand_shards(line); });
  fuzz::accepted([&] {
    const auto path = data::member_path(line);
    fuzz::expect(line.starts_with(path.set));
  });
  fuzz::accepted([&] {
    const std::vector<std::string> names{"a", "b", "c,d", "e\"f", "g"};
    for (const auto column : io::choose_columns(line, names, 5, "fuzzed")) fuzz::expect(column >= 0 && column < 5);
  });
  fuzz::accepted([&] {
    data::Spec spec(line);
    const auto part = spec.part("part");
    fuzz::expect(part.index >= 1 && part.index <= part.count);
    const auto number = spec.integer("dim", 2, 1, 64);
    fuzz::expect(number >= 1 && number <= 64);
    spec.number("scale", 1, 0, 10);
    spec.word("mode", "a", {"a", "b"});
    spec.refuse_unknown();
  });
  if (data::Spec::is("toy", line)) fuzz::accepted([&] { data::open_source({.path = line}); });
}
