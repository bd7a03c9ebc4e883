// The features of a whole set of images.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "monge/data/image_set.h"
#include "monge/data/images.h"
#include "monge/dist/process_group.h"
#include "monge/eval/feature_statistics.h"

namespace monge::eval {

struct SweepOptions {
  int64_t batch = 64;          ///< images through the net at once: speed and memory, not the result
  int64_t most = 0;            ///< only the first so many images; 0: all
  bool skip_bad = false;       ///< leave out images that cannot be used, else they are an error that lists them
  bool keep_features = false;  ///< keep the features beside their moments
  data::ProgressCallback progress = {};     ///< told of the images that all ranks have seen
  const std::atomic<bool>* stop = nullptr;  ///< ends the sweep early when set; on all ranks when set on one
  /// Of a job, whose ranks all sweep the same set: each looks at a part of it, and all have the figures of the whole.
  /// Null: none.
  dist::ProcessGroup* group = nullptr;
};

struct Sweep {
  FeatureStatistics statistics;
  bool complete = true;  ///< false when stopped; then nothing else is there
  int64_t skipped = 0;
  std::vector<std::string> complaints;  ///< of skipped images, up to 20
};

/// Images are decoded beside the net's work. Memory: two batches of images, and the features if kept.
/// @throws Error  for images that cannot be used, how many there are and up to 20 with reasons; for fewer than 2 that
/// can. In a job CommonError.
Sweep sweep_features(const FeatureNet& net, const data::ImageSet& set, const SweepOptions& options);

}  // namespace monge::eval
