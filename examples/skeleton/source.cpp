// Data source "ring:COUNT?radius=R": COUNT points evenly on a circle of radius R around 0, a fixed set.
#include <numbers>

#include "examples/skeleton/skeleton.h"
#include "monge/data/spec.h"
#include "monge/data/tensor_source.h"

namespace skeleton {
namespace {

std::shared_ptr<const monge::data::Source> open_ring(const std::string& line) {
  monge::data::Spec spec(line);  // parses the line; its getters check types and ranges
  const double radius = spec.number("radius", 1.0, /*least=*/0.0);
  spec.refuse_unknown();
  int64_t count = 0;
  try {
    count = std::stoll(spec.name());
  } catch (const std::exception&) {  // reported below
  }
  if (count < 2) {
    throw monge::InputError({.what = "a ring needs a number of points",
                             .where = line,
                             .value = spec.name(),
                             .allowed = "2 or more",
                             .fix = "write ring:100"});
  }
  const auto angle = torch::arange(count) * (2 * std::numbers::pi / static_cast<double>(count));
  return std::make_shared<monge::data::TensorSource>(line, radius * torch::stack({angle.cos(), angle.sin()}, 1));
}

}  // namespace

monge::data::SourceKind ring_kind() {
  return {.name = "ring of points",
          .prefix = "ring",
          .help = "ring:COUNT?radius=1",
          .accepted = "ring:COUNT",
          .open = [](const monge::data::SourceOptions& options, const monge::LogSink&,
                     const monge::data::ProgressCallback&) { return open_ring(options.path); }};
}

}  // namespace skeleton
