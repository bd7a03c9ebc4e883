// A run on one page: its curves, metrics, images and recipe.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "monge/core/files.h"
#include "monge/run/plot.h"

namespace monge::run {

/// The metrics of a run over its iterations.
struct MetricsLog {
  std::vector<Curve> curves;      ///< by key, in the order in which the keys appear
  std::vector<int64_t> rejected;  ///< numbers (from 1) of the lines that could not be read, such as a torn last line
};

/// Reads metrics.jsonl, which holds a JSON object per line. The iteration of a line is its "iteration" (or "outer", or
/// "step"; else the line number). Each number is a metric; an object of numbers gives metrics "outer_key.inner_key";
/// null is a gap. "time", "seconds" and all else is ignored. If an iteration appears again (a resumed run), its line
/// supersedes the earlier lines from that iteration on.
MetricsLog parse_metrics(std::string_view jsonl);

/// The metrics in RUN/metrics.jsonl; empty if there is no such file yet.
MetricsLog metrics_of(const std::filesystem::path& run, const Files& files = real_files());

struct ReportContent {
  std::string title;                      ///< usually the name of the run's folder
  std::string metrics = {};               ///< the text of metrics.jsonl; may be empty
  std::string recipe = {};                ///< the text of recipe.toml; may be empty
  std::vector<std::string> samples = {};  ///< paths of images relative to the page, oldest first
};

/// The page: HTML with inline SVG and no script. It loads nothing but the images of the run.
std::string report_html(const ReportContent& content);

/// Writes RUN/report.html from those of RUN/metrics.jsonl, recipe.toml and samples/*.png that exist, and every chart
/// also as an image of its own, RUN/curves/NAME.svg.
/// @throws InputError if RUN is no folder; SystemError if the page cannot be written.
void write_report(const std::filesystem::path& run, const Files& files = real_files());

}  // namespace monge::run
