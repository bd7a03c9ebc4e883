// Distances between two sets of images by the features of a network: FID, KID, and those of other networks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "monge/eval/feature_statistics.h"
#include "monge/session/compute.h"
#include "monge/session/hooks.h"

namespace monge::session {

struct FeatureOptions {
  std::string features = "inception";  ///< or a TorchScript file that maps [N,3,H,W] in 0..255 to [N,F]
  std::string mode = "clean";          ///< how images come to inception's size: clean or legacy, see eval::inception.h
  std::string weights = "";            ///< folder of weight files that is searched first
  std::string background = "white";    ///< colour behind transparent pixels: white, black, #rrggbb
  std::string on_error = "fail";       ///< what to do with images that cannot be used: fail (list them) or skip
  int64_t batch = 64;                  ///< images per batch; affects speed and memory, not the result
  int64_t samples = 0;                 ///< only the first images of each set; 0: all
};

/// The features of one set.
struct MeasuredSet {
  eval::FeatureStatistics statistics;
  bool complete = true;  ///< false when the stop flag ended it; then nothing else is set
  int64_t skipped = 0;   ///< images that could not be used
};

enum class FeatureMetric {
  frechet,  ///< FID, or FD(net): eval::frechet_distance
  kernel    ///< KID, or KD(net): eval::kernel_distance
};

struct FeatureDistance {
  bool complete = true;  ///< false when the stop flag ended it; then no other member is set
  std::string metric;    ///< "FID", "KID", "FD(name)" or "KD(name)"
  double value = 0;
  std::optional<double> standard_error = {};  ///< of a kernel distance
  MeasuredSet a, b;
};

/// Whether the path names a file of statistics, as write_feature_statistics makes it, and not a set of images.
bool is_file_of_statistics(const std::string& path);

/// Measures the distance between two sets. Each is a folder, an archive or a .npy of images, or a file of statistics.
/// The log gets the protocol, and warnings of images that were left out and of too few samples. All ranks of the group
/// call it; each decodes a slice of the sets, and all return the same.
/// @throws InputError for a path that does not exist, weights that are missing, images that cannot be used, statistics
///         of another protocol (before the other set is measured), and options that do not fit.
FeatureDistance feature_distance(const std::string& a, const std::string& b, FeatureMetric metric,
                                 const FeatureOptions& options = {}, const Compute& compute = {},
                                 const Hooks& hooks = {});

/// Writes the statistics of a set of images to a .safetensors file, so that later distances need not measure it again.
/// @param keep_features  also keep the features, which the kernel distance needs.
/// @throws InputError as feature_distance, and for an `out` that is a folder or has another extension.
MeasuredSet write_feature_statistics(const std::string& images, const std::filesystem::path& out, bool keep_features,
                                     const FeatureOptions& options = {}, const Compute& compute = {},
                                     const Hooks& hooks = {});

}  // namespace monge::session
