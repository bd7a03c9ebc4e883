// The curves of a run as SVG images, for readers without scripts and for documents.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "monge/core/files.h"
#include "monge/run/plot.h"

namespace monge::run {

/// The curve in whose chart `key` is drawn: "target_error" for "target_error", "target_floor" and "target_error_floor".
std::string chart_of(const std::string& key, const std::vector<Curve>& curves);

/// Whether a logarithmic axis fits: for positive values that span more than `factor`.
bool wants_log(const std::vector<Curve>& curves, double factor = 1e3);

/// Writes RUN/curves/NAME.svg, a chart for each metric, with its floor if it has one.
/// @throws SystemError if a file cannot be written.
void write_curve_images(const std::filesystem::path& run, const std::vector<Curve>& curves,
                        const Files& files = real_files());

}  // namespace monge::run
