// The two texts that describe a packed set: the manifest of its inputs and manifest.json. Not for other callers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "monge/data/image_collection.h"
#include "monge/data/pack.h"
#include "monge/data/packed_set.h"

namespace monge::data {

/// The manifest of inputs: what the set is a function of, namely the options and the chosen images, as far as that is
/// known without reading them (names, sizes and times). Equal texts mean equal sets.
/// @param chosen  numbers of images.
std::string input_manifest(const ImageCollection& images, const std::vector<int64_t>& chosen,
                           const PackOptions& options);

/// The text of manifest.json, see PackedManifest.
/// @param shards, files  what the set consists of. @param part  its count, its notes and the images left out.
std::string packed_manifest_text(const std::vector<PackedManifest::File>& shards,
                                 const std::vector<PackedManifest::File>& files, const PackedPart& part,
                                 const PackOptions& options);

}  // namespace monge::data
