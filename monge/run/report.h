// A run on one page: its curves, figures, images and recipe.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "monge/core/files.h"
#include "monge/run/plot.h"

namespace monge::run {

/// The figures of a run over its iterations.
struct MetricsLog {
  std::vector<Curve> curves;      ///< by key, in the order in which the keys appear
  std::vector<int64_t> rejected;  ///< numbers (from 1) of the lines that could not be read, a cut last line for example
};

/// Reads metrics.jsonl: a JSON object a line, whose place is its "iteration" (or "outer", or "step"; else the line
/// number). Numbers are figures, objects of numbers give figures "outer_key.inner_key"; null is a gap; "time" and
/// "seconds" and all else is left out. A place that comes again (a resumed run) replaces the lines from there on.
MetricsLog parse_metrics(std::string_view jsonl);

/// That of RUN/metrics.jsonl; empty where there is none yet.
MetricsLog metrics_of(const std::filesystem::path& run, const Files& files = real_files());

struct ReportContent {
  std::string title;                      ///< usually the name of the run's folder
  std::string metrics = {};               ///< the text of metrics.jsonl; may be empty
  std::string recipe = {};                ///< the text of recipe.toml; may be empty
  std::vector<std::string> samples = {};  ///< paths of images as seen from the page, oldest first
};

/// The page: HTML with inline SVG, no script, nothing from elsewhere but the images of the run.
std::string report_html(const ReportContent& content);

/// Writes RUN/report.html from RUN/metrics.jsonl, recipe.toml and samples/*.png, as far as they are there, and every
/// chart as a image of its own, RUN/curves/NAME.svg.
/// @throws InputError if RUN is no folder; SystemError if the page cannot be written.
void write_report(const std::filesystem::path& run, const Files& files = real_files());

}  // namespace monge::run
