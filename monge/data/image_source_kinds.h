// The kinds of image files, as rows of source_kinds.h.
#pragma once

#include <string>
#include <vector>

#include "monge/data/source_kinds.h"

namespace monge::data {

/// One row for each of image_collection_kinds(), in the same order. They open an ImageSource. The log is warned of
/// images that are left out, and of a set that is decoded at each use.
std::vector<SourceKind> image_source_kinds();

/// Whether the path is of one of these kinds.
bool names_images(const std::string& path);

}  // namespace monge::data
