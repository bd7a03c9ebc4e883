// What monge fid, kid and stats share: which net looks at images, and the features of a set given by its path.
#pragma once

#include <string>

#include "monge/cli/command.h"
#include "monge/eval/feature_statistics.h"

namespace monge::cli {

struct FeatureOptions {
  std::string features = "inception", mode = "clean", weights, background = "white", on_error = "fail";
  int64_t batch = 64, samples = 0;
};

/// Adds --features, --mode, --weights, --batch, --samples, --background, --on-error.
void add_feature_options(CLI::App& command, FeatureOptions& options);

/// The net that the options name, on the device of the common flags. @param group  see session::choose_device.
std::shared_ptr<const eval::FeatureNet> open_feature_net(const FeatureOptions& options, const Common& common,
                                                         dist::ProcessGroup& group = dist::ProcessGroup::single());

struct MeasuredSet {
  eval::FeatureStatistics statistics;
  bool complete = true;  ///< false when a signal ended it
  int64_t skipped = 0;
};

/// The statistics of a set of images, or those of a file that monge stats wrote (.safetensors). The log is told of
/// what was left out, and warned of too few samples.
/// @param keep_features  for the kernel distance.
/// @param net            made on the first set of images, so that two files of statistics need no weights.
/// @param group          all ranks call this; each looks at a slice of the set.
MeasuredSet measure_set(const std::string& path, bool keep_features, const FeatureOptions& options,
                        const Common& common, std::shared_ptr<const eval::FeatureNet>& net,
                        dist::ProcessGroup& group = dist::ProcessGroup::single());

/// One line for people on stderr: the protocol of a figure.
std::string protocol_line(const eval::FeatureStatistics& a, const eval::FeatureStatistics& b);

}  // namespace monge::cli
