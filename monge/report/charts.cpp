#include "monge/report/charts.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "monge/core/number.h"
#include "monge/run/curve_images.h"

namespace monge::report {
namespace {

using nlohmann::ordered_json;
using run::Curve;

constexpr size_t kMostPoints = 1500;      // of a curve on a page, more than a chart has pixels
constexpr size_t kLeastToSmooth = 40;     // a shorter curve is shown as it is
constexpr double kSmoothFraction = 0.02;  // of a curve's points: the span of the exponential mean
constexpr double kLogFrom = 20;           // a range of values that a linear axis shows badly

/// A number for a page: five digits are finer than its pixels.
ordered_json on_page(double value) {
  if (!std::isfinite(value)) return {};
  // Rounded to five digits; the largest and the least numbers have no room for that.
  const double power = std::floor(std::log10(std::abs(value)));
  if (value == 0 || std::abs(power) > 290) return value;
  const double unit = std::pow(10.0, 4 - power);
  return std::round(value * unit) / unit;
}

ordered_json on_page(const std::vector<double>& values) {
  auto out = ordered_json::array();
  for (const double value : values) out.push_back(on_page(value));
  return out;
}

/// Indices of the lowest and the highest point of each of equal pieces of a curve, in order.
std::vector<size_t> kept_points(const Curve& curve) {
  std::vector<size_t> out;
  const size_t count = curve.y.size(), pieces = std::min(count, kMostPoints / 2);
  for (size_t piece = 0; piece < pieces; ++piece) {
    const size_t begin = piece * count / pieces, end = (piece + 1) * count / pieces;
    size_t low = begin, high = begin;
    for (size_t i = begin; i < end; ++i) {
      if (std::isnan(curve.y[low]) || curve.y[i] < curve.y[low]) low = i;
      if (std::isnan(curve.y[high]) || curve.y[i] > curve.y[high]) high = i;
    }
    out.push_back(std::min(low, high));
    if (low != high) out.push_back(std::max(low, high));
  }
  if (count > 0 && out.back() != count - 1) out.push_back(count - 1);
  return out;
}

/// The exponential mean of the values so far, without the bias of its start; a gap keeps the mean.
std::vector<double> smoothed(const std::vector<double>& values) {
  const double keep = 1 - 1 / std::max(1.0, kSmoothFraction * static_cast<double>(values.size()));
  double sum = 0, weight = 0;
  std::vector<double> out;
  for (const double value : values) {
    if (std::isfinite(value)) {
      sum = keep * sum + (1 - keep) * value;
      weight = keep * weight + (1 - keep);
    }
    out.push_back(weight > 0 ? sum / weight : NAN);
  }
  return out;
}

std::vector<double> at(const std::vector<double>& values, const std::vector<size_t>& indices) {
  std::vector<double> out;
  for (const size_t i : indices) out.push_back(values[i]);
  return out;
}

/// Whether a curve has one value throughout, without gaps.
bool is_constant(const Curve& curve) {
  return curve.y.size() > 1 && std::isfinite(curve.y[0]) &&
         std::all_of(curve.y.begin(), curve.y.end(), [&](double y) { return y == curve.y[0]; });
}

/// Whether the order of magnitude of a figure tells something.
bool shows_scale(const Figure& figure) {
  return figure.group != FigureGroup::losses && figure.group != FigureGroup::rates;
}

bool is_of_evaluations(const Curve& curve) { return curve.name.starts_with("eval."); }

/// Whether a curve scatters, so that its mean is shown, too. Rates follow a schedule.
bool is_smoothed(const Figure& figure, const Curve& curve) {
  return !is_of_evaluations(curve) && figure.group != FigureGroup::rates && curve.y.size() >= kLeastToSmooth;
}

/// Starts and floors stand beside their errors, the target's colourfulness beside that of the outputs. The move is the
/// transport cost in other units.
bool has_own_chart(const std::string& name, const std::vector<Curve>& curves) {
  static const std::set<std::string> left_out{"eval.mse", "eval.psnr", "eval.colourfulness_target"};
  return !name.ends_with("_start") && run::chart_of(name, curves) == name && !left_out.contains(name);
}

/// The curves to which an error is compared: its floor, and its start if the floor is there, too.
std::vector<const Curve*> references_of(const std::string& name, const std::vector<Curve>& curves) {
  constexpr std::string_view kError = "_error";
  std::vector<const Curve*> out;
  const auto start = name.ends_with(kError) ? name.substr(0, name.size() - kError.size()) + "_start" : "";
  for (const auto& other : curves) {
    const bool is_floor = other.name != name && run::chart_of(other.name, curves) == name;
    const bool is_target = name == "eval.colourfulness_output" && other.name == "eval.colourfulness_target";
    if (is_floor || is_target || other.name == start) out.push_back(&other);
  }
  return out;
}

/// The value that is right whatever the data are; NaN if there is none.
double right_value(const std::string& name) {
  if (name.starts_with("eval.texture_")) return 1;
  return name == "eval.background_shift" || name == "eval.luma_shift" ? 0 : NAN;
}

ordered_json series_json(const std::string& label, const char* kind, const std::vector<double>& y) {
  return {{"label", label}, {"kind", kind}, {"y", on_page(y)}};
}

ordered_json chart_json(const Figure& figure, bool log, const std::vector<double>& x) {
  return {{"name", figure.name}, {"title", figure.title}, {"meaning", figure.meaning},
          {"log", log},          {"x", on_page(x)},       {"series", ordered_json::array()}};
}

/// Sorts charts into their groups.
class Groups {
 public:
  void add(FigureGroup group, ordered_json chart) { charts_[group].push_back(std::move(chart)); }

  ordered_json take() {
    auto out = ordered_json::array();
    for (const auto group : figure_groups()) {
      const auto found = charts_.find(group);
      if (found == charts_.end()) continue;
      out.push_back({{"group", static_cast<int>(group)},
                     {"heading", heading_of(group)},
                     {"folded", group == FigureGroup::losses || group == FigureGroup::rates},
                     {"charts", std::move(found->second)}});
    }
    return out;
  }

 private:
  std::map<FigureGroup, std::vector<ordered_json>> charts_;
};

/// The values of a curve at other places; NaN where it has no point.
std::vector<double> values_at(const Curve& curve, const std::vector<double>& x) {
  std::map<double, double> known;
  for (size_t i = 0; i < curve.x.size(); ++i) known[curve.x[i]] = curve.y[i];
  std::vector<double> out;
  for (const double place : x) {
    const auto found = known.find(place);
    out.push_back(found == known.end() ? NAN : found->second);
  }
  return out;
}

/// The chart of a curve with its floors.
ordered_json chart_of_run(const Figure& figure, const Curve& curve, const std::vector<const Curve*>& floors) {
  std::vector<Curve> together{curve};
  for (const auto* floor : floors) together.push_back(*floor);
  const bool log = shows_scale(figure) && run::wants_log(together, kLogFrom);
  const auto kept = kept_points(curve);
  const auto x = at(curve.x, kept);
  auto out = chart_json(figure, log, x);
  const bool smooth = is_smoothed(figure, curve);
  out["series"].push_back(series_json(figure.title, smooth ? "raw" : "value", at(curve.y, kept)));
  if (smooth) out["series"].push_back(series_json("smoothed", "smooth", at(smoothed(curve.y), kept)));
  for (const auto* floor : floors)
    out["series"].push_back(series_json(figure_of(floor->name).title, "floor", values_at(*floor, x)));
  if (const double right = right_value(figure.name); std::isfinite(right))
    out["series"].push_back(series_json("right", "floor", std::vector<double>(x.size(), right)));
  return out;
}

using NamedRuns = std::vector<std::pair<std::string, std::vector<Curve>>>;

/// The names of the curves with a chart of their own, those of the first run first.
std::vector<std::string> chart_names(const NamedRuns& runs) {
  std::vector<std::string> out;
  for (const auto& entry : runs) {
    for (const auto& curve : entry.second) {
      if (!has_own_chart(curve.name, entry.second)) continue;
      if (std::find(out.begin(), out.end(), curve.name) == out.end()) out.push_back(curve.name);
    }
  }
  return out;
}

/// A curve of one run among others.
struct RunCurve {
  size_t run;  ///< its number, by which it has one colour in all charts
  std::string label;
  Curve curve;
  const char* kind;
};

/// The curves of this name, thinned, and the first floor that a run has for it.
std::vector<RunCurve> curves_named(const Figure& figure, const NamedRuns& runs) {
  std::vector<RunCurve> out;
  const Curve* floor = nullptr;
  for (size_t run = 0; run < runs.size(); ++run) {
    for (const auto& curve : runs[run].second) {
      if (curve.y.empty() || run::chart_of(curve.name, runs[run].second) != figure.name) continue;
      if (curve.name != figure.name) {
        if (!floor) floor = &curve;
        continue;
      }
      const auto kept = kept_points(curve);
      const auto y = is_smoothed(figure, curve) ? smoothed(curve.y) : curve.y;
      out.push_back({run, runs[run].first, {.name = curve.name, .x = at(curve.x, kept), .y = at(y, kept)}, "value"});
    }
  }
  if (floor) out.push_back({0, figure_of(floor->name).title, *floor, "floor"});
  return out;
}

/// The one value of all curves; NaN if they differ.
double common_value(const std::vector<RunCurve>& curves) {
  for (const auto& each : curves) {
    if (!is_constant(each.curve) || each.curve.y.back() != curves.front().curve.y.back()) return NAN;
  }
  return curves.front().curve.y.back();
}

ordered_json chart_of_runs(const Figure& figure, const std::vector<RunCurve>& curves) {
  std::set<double> places;
  std::vector<Curve> together;
  for (const auto& each : curves) {
    places.insert(each.curve.x.begin(), each.curve.x.end());
    together.push_back(each.curve);
  }
  const std::vector<double> x(places.begin(), places.end());
  auto out = chart_json(figure, shows_scale(figure) && run::wants_log(together, kLogFrom), x);
  for (const auto& each : curves) {
    auto series = series_json(each.label, each.kind, values_at(each.curve, x));
    series["run"] = each.run;
    out["series"].push_back(std::move(series));
  }
  return out;
}

}  // namespace

Charts charts_of(const std::vector<Curve>& curves) {
  Charts out;
  Groups groups;
  for (const auto& curve : curves) {
    if (!has_own_chart(curve.name, curves)) continue;
    const auto figure = figure_of(curve.name);
    const auto floors = references_of(curve.name, curves);
    if (floors.empty() && is_constant(curve)) {
      out.constants.push_back({figure, curve.y.back()});
    } else {
      groups.add(figure.group, chart_of_run(figure, curve, floors));
    }
  }
  out.groups = groups.take();
  return out;
}

Charts charts_of(const NamedRuns& runs) {
  Charts out;
  Groups groups;
  for (const auto& name : chart_names(runs)) {
    const auto figure = figure_of(name);
    const auto curves = curves_named(figure, runs);
    if (curves.empty()) continue;
    if (const double value = common_value(curves); std::isfinite(value)) {
      out.constants.push_back({figure, value});
    } else {
      groups.add(figure.group, chart_of_runs(figure, curves));
    }
  }
  out.groups = groups.take();
  return out;
}

}  // namespace monge::report
