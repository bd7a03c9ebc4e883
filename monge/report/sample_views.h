// The sample images and scatter plots of a run as data for its page.
#pragma once

#include <nlohmann/json.hpp>

#include "monge/report/run_record.h"

namespace monge::report {

/// How many bytes of samples a page may hold, and of how many steps.
inline constexpr int64_t kMostSampleBytes = 6 << 20, kMostSampleSteps = 24;

/// The newest step, and others evenly between it and the first, as far as they fit into the limits.
///
/// For images {"kind": "images", "steps": [{"iteration", "image": data URI}], "cell": [width, height], "gap",
/// "target": data URI}: a grid with a row for each input, the input first and then its outputs; the last three are
/// absent if the size of the images is not known, or the run has no image of its target. For vectors {"kind":
/// "scatter", "steps": [{"iteration", "axes", "source", "target", "outputs"}]}, see run::scatter_points_json. Null if
/// there are none.
nlohmann::ordered_json sample_views(const RunRecord& run, const Files& files = real_files());

/// The iterations of RUN/samples/step_NNNNNN.EXTENSION in ascending order.
std::vector<int64_t> sample_steps(const std::filesystem::path& run, std::string_view extension);

}  // namespace monge::report
