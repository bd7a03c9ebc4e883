// The report of a check of data as JSON, as `monge data check --json` prints it.
#pragma once

#include <string>

#include "monge/data/check.h"
#include "monge/data/check_table.h"

namespace monge::session {

/// Whether a set of images passes. Strict also fails for duplicates, near-empty images, conversions, and PNG files
/// without their last chunk.
bool passes(const data::ImageReport& report, bool strict);

/// Whether a table passes. Strict also fails for duplicates, constant columns, columns beyond float32, columns with
/// fill values, and warnings.
bool passes(const data::TableReport& report, bool strict);

/// One line of JSON. @param passed  see passes.
std::string report_json(const data::ImageReport& report, bool passed);
std::string report_json(const data::TableReport& report, bool passed);

}  // namespace monge::session
