#include "monge/run/curve_images.h"

#include <algorithm>
#include <cmath>

namespace monge::run {
namespace {

/// The name of a metric as the name of a file.
std::string file_name(std::string name) {
  std::replace_if(
      name.begin(), name.end(),
      [](char c) { return !std::isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '.'; }, '_');
  return name;
}

/// Name and SVG of each chart; its name is that of its first curve.
std::vector<std::pair<std::string, std::string>> charts(const std::vector<Curve>& curves) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& leader : curves) {
    if (chart_of(leader.name, curves) != leader.name) continue;
    std::vector<Curve> together = {leader};
    for (const auto& curve : curves) {
      if (curve.name != leader.name && chart_of(curve.name, curves) == leader.name) together.push_back(curve);
    }
    out.emplace_back(leader.name, curves_svg(together, {.title = leader.name,
                                                        .x_label = "iteration",
                                                        .y_label = "",
                                                        .width = 500,
                                                        .height = 260,
                                                        .log_y = wants_log(together)}));
  }
  return out;
}

}  // namespace

std::string chart_of(const std::string& key, const std::vector<Curve>& curves) {
  static constexpr std::string_view floor = "_floor";
  if (!key.ends_with(floor)) return key;
  const auto base = key.substr(0, key.size() - floor.size());
  for (const auto& curve : curves) {
    if (curve.name == base || curve.name == base + "_error") return curve.name;
  }
  return key;
}

bool wants_log(const std::vector<Curve>& curves, double factor) {
  double least = INFINITY, most = -INFINITY;
  for (const auto& curve : curves) {
    for (const double y : curve.y) {
      if (!std::isfinite(y)) continue;
      least = std::min(least, y);
      most = std::max(most, y);
    }
  }
  return least > 0 && most > factor * least;
}

void write_curve_images(const std::filesystem::path& run, const std::vector<Curve>& curves, const Files& files) {
  if (!curves.empty()) make_writable_folder(run / "curves");
  for (const auto& [curve, svg] : charts(curves)) files.replace(run / "curves" / (file_name(curve) + ".svg"), svg);
}

}  // namespace monge::run
