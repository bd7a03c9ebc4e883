#include "monge/train/source_check.h"

#include <c10/util/accumulate.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "monge/core/error.h"
#include "monge/core/number.h"
#include "monge/core/random.h"
#include "monge/ot/intrinsic_dimension.h"

namespace monge::train {
namespace {

constexpr int64_t kMost = 2048, kLeast = 64;
constexpr int64_t kMostEntries = 1 << 22;  // of all samples: 32 MiB in double, and a few copies are made
constexpr double kBelowNormal = 0.7;

double twonn(const torch::Tensor& rows) {
  try {
    return ot::intrinsic_dimension(rows).dimension;
  } catch (const InputError&) {  // too few distinct points, or a grid
    return std::numeric_limits<double>::quiet_NaN();
  }
}

}  // namespace

bool SourceShape::spans_less() const { return rank < std::min(dim, samples - 1); }

bool SourceShape::degenerate() const { return spans_less() || intrinsic < kBelowNormal * intrinsic_normal; }

SourceShape measure_source(const data::Source& source, uint64_t seed) {
  const RandomStreams streams(seed);
  const int64_t dim = c10::multiply_integers(source.item_shape());
  const int64_t count = std::clamp(kMostEntries / dim, kLeast, kMost);
  auto rows = data::some_items(source, count, streams.at("source check", 0)).flatten(1).to(torch::kFloat64);
  SourceShape shape;
  shape.dim = rows.size(1);
  shape.samples = rows.size(0);
  shape.radius = ot::rms_radius(rows);
  shape.intrinsic = twonn(rows);
  rows = rows - rows.mean(0, /*keepdim=*/true);
  // Sums of the rows with independent normal weights are samples of the normal law with the rows' covariance.
  const auto weights =
      torch::randn({rows.size(0), rows.size(0)}, streams.at("source check normal", 0), torch::kFloat64);
  shape.intrinsic_normal = twonn(weights.matmul(rows) / std::sqrt(static_cast<double>(rows.size(0))));
  const bool wide = rows.size(1) > rows.size(0);
  const auto spectrum = torch::linalg_eigvalsh(wide ? rows.matmul(rows.t()) : rows.t().matmul(rows));
  const double most = spectrum[-1].item<double>();
  shape.rank = (spectrum > 1e-10 * most).sum().item<int64_t>();
  return shape;
}

void advise(const SourceShape& shape, const Recipe& recipe, const LogSink& log) {
  if (!shape.degenerate() || solve::make_method(recipe)->smooths()) return;
  log(LogLevel::info, "the source lies on a set of lower dimension (" +
                          (shape.spans_less() ? text("its samples span ", shape.rank, " of ", shape.dim, " dimensions")
                                              : text("about ", number(shape.intrinsic), " of ", shape.dim,
                                                     " dimensions, by TwoNN; a law with a ", "density would show ",
                                                     number(shape.intrinsic_normal))) +
                          "): a map may then miss its target with a small loss. Watch the target error; method = "
                          "\"otp\" smooths the source");
}

void resolve_noise_level(Recipe& recipe, const SourceShape& shape, int64_t items, const LogSink& log) {
  const double seen = static_cast<double>(recipe.train.iterations) * static_cast<double>(recipe.train.k_t + 1) *
                      static_cast<double>(recipe.train.batch);
  const ot::SampleResolution samples{
      .radius = shape.radius,
      .intrinsic = std::isfinite(shape.intrinsic) ? shape.intrinsic : static_cast<double>(shape.dim),
      .count = items > 0 ? items : static_cast<int64_t>(std::min(seen, 1e15)),
      .dim = shape.dim,
      .endless = items <= 0};
  const auto line = solve::make_method(recipe)->resolve(recipe.methods, samples);
  if (!line.empty()) log(LogLevel::info, line);
}

}  // namespace monge::train
