// Properties of a set of images, found by decoding some or all of them before use.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "monge/data/image_collection.h"

namespace monge::data {

/// Whether the files of a set are grey (one channel, or one and alpha). Examines `sample` evenly spaced images, up to
/// the first that is not grey. Images that cannot be decoded are ignored; if none can be decoded, the result is false.
/// For bare pixels see known_grey.
bool looks_grey(const ImageCollection& images, int64_t sample = 64);

/// The least and the largest 16-bit sample of the chosen images, on all cores. 8-bit files are recognised by their
/// headers and not decoded. Images that cannot be decoded are ignored.
/// @param chosen  numbers of images.
/// @param stop  ends it early, with what was measured until then.
io::NoteCounts measure_samples(const ImageCollection& images, const std::vector<int64_t>& chosen,
                               const std::atomic<bool>& stop = std::atomic<bool>(false));

/// The range "auto" of the chosen images: "LOW..HIGH" by io::range_holding, or "full" if there is no 16-bit image. The
/// result is logged.
std::string measured_range(const ImageCollection& images, const std::vector<int64_t>& chosen, const std::string& name,
                           const LogSink& log, const std::atomic<bool>& stop = std::atomic<bool>(false));

/// A warning if 16-bit images have values outside of the range that they are scaled from; else "".
std::string clamped_values_warning(const io::NoteCounts& counts, const io::SampleRange& range);

/// The smallest range that contains both ranges, each "LOW..HIGH". @throws InputError for other words.
std::string common_range(const std::string& a, const std::string& b);

}  // namespace monge::data
