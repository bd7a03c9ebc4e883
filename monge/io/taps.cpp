#include "monge/io/taps.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <tuple>

#include "monge/io/recent.h"

namespace monge::io {
namespace {

double sinc(double x) { return x == 0 ? 1 : std::sin(x * std::numbers::pi) / (x * std::numbers::pi); }

double cubic(double x) {  // Keys 1981, a = -0.5
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

double kernel(Filter filter, double x) {
  switch (filter) {
    case Filter::box:
      return x > -0.5 && x <= 0.5 ? 1 : 0;
    case Filter::bilinear:
      return std::max(0.0, 1 - std::abs(x));
    case Filter::bicubic:
      return cubic(x);
    case Filter::lanczos:
      return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0;
  }
  return 0;
}

double half_width(Filter filter) {
  switch (filter) {
    case Filter::box:
      return 0.5;
    case Filter::bilinear:
      return 1;
    case Filter::bicubic:
      return 2;
    case Filter::lanczos:
      return 3;
  }
  return 0;
}

void to_weight(double exact, double& out) { out = exact; }
void to_weight(double exact, int32_t& out) {
  out = static_cast<int32_t>(exact * (1 << kFractionBits) + (exact < 0 ? -0.5 : 0.5));
}

}  // namespace

template <class Weight>
Taps<Weight> make_taps(int64_t in, int64_t out, Filter filter) {
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  const double stretch = std::max(scale, 1.0);
  const double reach = half_width(filter) * stretch;
  Taps<Weight> taps;
  taps.start.push_back(0);
  std::vector<double> exact;
  for (int64_t i = 0; i < out; ++i) {
    const double centre = (static_cast<double>(i) + 0.5) * scale;
    const auto low = std::max(static_cast<int64_t>(centre - reach + 0.5), int64_t{0});
    const auto high = std::min(static_cast<int64_t>(centre + reach + 0.5), in);
    exact.clear();
    double sum = 0;
    for (int64_t j = low; j < high; ++j) {
      exact.push_back(kernel(filter, (static_cast<double>(j) - centre + 0.5) / stretch));
      sum += exact.back();
    }
    for (const double value : exact) to_weight(sum != 0 ? value / sum : value, taps.weight.emplace_back());
    taps.first.push_back(low);
    taps.start.push_back(taps.weight.size());
  }
  return taps;
}
template Taps<int32_t> make_taps(int64_t, int64_t, Filter);
template Taps<double> make_taps(int64_t, int64_t, Filter);

const Taps<int32_t>& recent_taps(int64_t in, int64_t out, Filter filter) {
  thread_local RecentTables<std::tuple<int64_t, int64_t, Filter>, Taps<int32_t>> recent;
  return recent.get(in, out, {in, out, filter}, [&] { return make_taps<int32_t>(in, out, filter); });
}

}  // namespace monge::io
