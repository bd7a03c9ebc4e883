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
  int64_t batch = 64;          ///< images in a batch; affects speed and memory, not the result
  int64_t most = 0;            ///< use only the first `most` images; 0: all
  bool skip_bad = false;       ///< leave out images that cannot be used; if false, they are an error that lists them
  bool keep_features = false;  ///< keep the features beside their moments
  data::ProgressCallback progress = {};     ///< called with (done, total), the images of all ranks
  const std::atomic<bool>* stop = nullptr;  ///< ends the sweep early if set; setting it on one rank ends all
};

struct Sweep {
  FeatureStatistics statistics;
  bool complete = true;  ///< false if stopped; then nothing else is set
  int64_t skipped = 0;
  std::vector<std::string> complaints;  ///< about skipped images, up to 20
};

/// Computes the features of a set, decoding images while the net computes. Memory: two batches of images, and the
/// features if kept.
/// @param group  all ranks sweep the same set; each decodes a slice, and all get the statistics of the whole.
/// @throws CommonError, on all ranks, for images that cannot be used unless skip_bad is set (the message gives their
/// number and up to 20 of them with reasons), and for fewer than 2 usable images.
Sweep sweep_features(const FeatureNet& net, const data::ImageSet& set, const SweepOptions& options,
                     dist::ProcessGroup& group = dist::ProcessGroup::single());

}  // namespace monge::eval
