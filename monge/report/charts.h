// The curves of runs as data for the charts of a page.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "monge/report/glossary.h"
#include "monge/run/plot.h"

namespace monge::report {

/// A curve that has one value throughout, which is text and no chart.
struct ConstantCurve {
  Figure figure;
  double value = 0;
};

struct Charts {
  /// For each group with charts: {"group", "heading", "folded", "charts": [{"name", "title", "meaning", "log", "x",
  /// "series": [{"label", "kind": "value" | "raw" | "smooth" | "floor", "y"}]}]}. Gaps are null.
  nlohmann::ordered_json groups = nlohmann::ordered_json::array();
  std::vector<ConstantCurve> constants;
};

/// The charts of one run. Curves of training are thinned to their extremes and smoothed by an exponential mean; an
/// error is drawn with its floor.
Charts charts_of(const std::vector<run::Curve>& curves);

/// The charts of several runs, a series for each run that has the metric, with its number as "run".
/// @param runs  label and curves of each.
Charts charts_of(const std::vector<std::pair<std::string, std::vector<run::Curve>>>& runs);

}  // namespace monge::report
