// The part that monge fid, kid and stats share: the choice of the net, and the features of a set given by its path.
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

/// Opens the net that the options name, on the device of the common flags. @param group  see session::choose_device.
std::shared_ptr<const eval::FeatureNet> open_feature_net(const FeatureOptions& options, const Common& common,
                                                         dist::ProcessGroup& group = dist::ProcessGroup::single());

struct MeasuredSet {
  eval::FeatureStatistics statistics;
  bool complete = true;  ///< false if a signal ended it
  int64_t skipped = 0;
};

/// Whether the path names a file of statistics, as `monge stats` writes it, and not a set of images.
bool is_file_of_statistics(const std::string& path);

/// The statistics of a set of images, or those of a file that monge stats wrote (.safetensors). The log gets warnings
/// of images that were left out and of too few samples.
/// @param keep_features  keep the features, which the kernel distance needs.
/// @param net            opened for the first set of images, so that two files of statistics need no weights.
/// @param group          all ranks call this; each decodes a slice of the set.
MeasuredSet measure_set(const std::string& path, bool keep_features, const FeatureOptions& options,
                        const Common& common, std::shared_ptr<const eval::FeatureNet>& net,
                        dist::ProcessGroup& group = dist::ProcessGroup::single());

/// The protocol of a metric as one line for people.
std::string protocol_line(const eval::FeatureStatistics& a, const eval::FeatureStatistics& b);

}  // namespace monge::cli
