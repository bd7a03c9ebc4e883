// The features of a whole set of pictures.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "monge/data/images.h"
#include "monge/data/picture_set.h"
#include "monge/dist/world.h"
#include "monge/eval/feature_statistics.h"

namespace monge::eval {

struct SweepOptions {
  int64_t batch = 64;          ///< pictures through the net at once: speed and memory, not the result
  int64_t most = 0;            ///< only the first so many pictures; 0: all
  bool skip_bad = false;       ///< leave out pictures that cannot be used, else they are an error that lists them
  bool keep_features = false;  ///< keep the features beside their moments
  data::ProgressCallback progress = {};     ///< told of the pictures that all ranks have seen
  const std::atomic<bool>* stop = nullptr;  ///< ends the sweep early when set; on all ranks when set on one
  /// Of a job, whose ranks all sweep the same set: each looks at a part of it, and all have the figures of the whole. Null: none.
  dist::World* world = nullptr;
};

struct Sweep {
  FeatureStatistics statistics;
  bool complete = true;  ///< false when stopped; then nothing else is there
  int64_t skipped = 0;
  std::vector<std::string> complaints;  ///< of skipped pictures, up to 20
};

/// Pictures are decoded beside the net's work. Memory: two batches of pictures, and the features if kept.
/// @throws Error  for pictures that cannot be used, how many there are and up to 20 with reasons; for fewer than 2 that
/// can. In a job CommonError.
Sweep sweep_features(const FeatureNet& net, const data::PictureSet& set, const SweepOptions& options);

}  // namespace monge::eval
