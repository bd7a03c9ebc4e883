// The kinds of files that hold images, as rows of source_kinds.h.
#pragma once

#include <string>
#include <vector>

#include "monge/data/source_kinds.h"

namespace monge::data {

/// A row for each of image_collection_kinds(), in its order. They open an ImageSource; the log is warned of images that
/// are left out, and of a set that is decoded at each use.
std::vector<SourceKind> image_source_kinds();

/// Whether the path is of one of them.
bool names_images(const std::string& path);

}  // namespace monge::data
