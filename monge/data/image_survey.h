// What the images of a set are, found by looking at some or all of them before they are used.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "monge/data/image_collection.h"

namespace monge::data {

/// Whether the files of a set are grey (one channel, or one and alpha): `sample` images, evenly spread, are looked
/// at, up to the first that is not. Those that cannot be decoded say nothing, and where none can the answer is no. Bare
/// pixels: see known_grey.
bool looks_grey(const ImageCollection& images, int64_t sample = 64);

/// The least and the largest 16-bit sample of all chosen images, on all cores; 8-bit files are told by their headers
/// and not decoded, those that cannot be decoded say nothing.
/// @param chosen  numbers of images. @param stop  ends it early, with what was seen until then.
io::NoteCounts measure_samples(const ImageCollection& images, const std::vector<int64_t>& chosen,
                               const std::atomic<bool>& stop = std::atomic<bool>(false));

/// range = "auto" of the chosen images: "LOW..HIGH" by io::range_holding, or "full" where there is no 16-bit image.
/// Tells the log.
std::string measured_range(const ImageCollection& images, const std::vector<int64_t>& chosen, const std::string& name,
                           const LogSink& log, const std::atomic<bool>& stop = std::atomic<bool>(false));

/// Where 16-bit images have values outside of the range that they are scaled from: a sentence that says so; else "".
std::string clamped_values_warning(const io::NoteCounts& counts, const io::SampleRange& range);

/// The smallest range that holds both, each "LOW..HIGH". @throws InputError for other words.
std::string common_range(const std::string& a, const std::string& b);

}  // namespace monge::data
