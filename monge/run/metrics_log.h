// Reading of metrics.jsonl: the course of a run.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monge/core/files.h"
#include "monge/core/named_metrics.h"
#include "monge/run/plot.h"

namespace monge::run {

/// A line of an evaluation.
struct EvaluationLine {
  int64_t iteration = 0;
  NamedMetrics metrics = {};                ///< NaN for null
  std::string verdict = {};                 ///< in words, to follow "the map "; empty in files of older versions
  std::optional<bool> reaches_target = {};  ///< unset if unknown
};

/// The metrics of a run over its iterations.
struct MetricsLog {
  std::vector<Curve> curves;                     ///< by key, in the order in which the keys appear
  std::vector<EvaluationLine> evaluations = {};  ///< in their order
  int64_t iterations = 0;                        ///< of the last line
  double seconds = 0;                            ///< of training until the last line, over all processes of the run
  std::vector<int64_t> rejected =
      {};  ///< numbers (from 1) of the lines that could not be read, such as a torn last line
};

/// Reads metrics.jsonl, which holds a JSON object per line. The iteration of a line is its "iteration" (or "outer", or
/// "step"; else the line number). Each number is a metric; an object of numbers gives metrics "outer_key.inner_key";
/// null is a gap. All else is ignored, and "time" and "seconds" are no metrics. If an iteration appears again (a
/// resumed run), its line supersedes the earlier lines from that iteration on.
MetricsLog parse_metrics(std::string_view jsonl);

/// The metrics in RUN/metrics.jsonl; empty if there is no such file yet.
MetricsLog metrics_of(const std::filesystem::path& run, const Files& files = real_files());

}  // namespace monge::run
