// Fuzzes what is read of recipes. The first line of an input is an assignment ("ot.method=weak") as --set takes it, the
// rest is the TOML. A recipe that is accepted must be written and read again alike.
#include "monge/train/recipe.h"

#include "fuzz/target.h"

MONGE_FUZZ_TARGET(recipe) {
  using namespace monge;
  const std::string assignment(fuzz::take_line(input));
  fuzz::accepted([&] { train::toml_value(assignment); });
  fuzz::accepted([&] { train::saved_recipe(std::string(input), "fuzzed"); });
  fuzz::accepted([&] {
    const std::vector<std::string> assignments(assignment.empty() ? 0 : 1, assignment);
    auto recipe = train::parse_recipe(std::string(input), "fuzzed", assignments);
    const auto written = recipe.options().to_toml(false);
    auto again = train::parse_recipe(written, "written");
    fuzz::expect(again.options().to_toml(false) == written);
    fuzz::accepted([&] { train::validate(recipe); });
  });
}
