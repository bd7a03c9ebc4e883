// Statistics of the features of a set of images, with the protocol under which they were computed.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <string>

#include "monge/core/files.h"
#include "monge/eval/feature_moments.h"
#include "monge/eval/features.h"
#include "monge/eval/kernel_distance.h"

namespace monge::eval {

/// How features were computed. Metrics of different protocols do not compare.
struct FeatureProtocol {
  std::string net;   ///< "inception", or the name of an outside net
  std::string mode;  ///< how images are brought to the net's size, see FeatureNet::mode
  std::string hash;  ///< of the net's weights
};

FeatureProtocol protocol_of(const FeatureNet& net);

/// Whether the net is the FID Inception net, and not an outside net whose file has that name.
bool is_fid_net(const FeatureProtocol& protocol);

/// "FID" and "KID" for the FID Inception net; "FD(name)" and "KD(name)" for any other net.
std::string frechet_name(const FeatureProtocol& protocol);
std::string kernel_name(const FeatureProtocol& protocol);

struct FeatureStatistics {
  FeatureProtocol protocol;
  std::string source;  ///< where the images came from, for records
  Moments moments;
  torch::Tensor features_NF;  ///< float32; undefined if only the moments were kept
};

/// Writes a safetensors file: mean and covariance (float64), features (float32, if kept), the protocol in the metadata.
void write_statistics(const std::filesystem::path& path, const FeatureStatistics& statistics,
                      const Files& files = real_files());

/// Reads such a file. @throws InputError naming the file if it is none, is of another version, or has shapes that do
/// not fit each other.
FeatureStatistics read_statistics(const std::filesystem::path& path, const Files& files = real_files());

/// @throws InputError  naming both sides, unless their protocols are equal.
void require_same_protocol(const FeatureStatistics& a, const FeatureStatistics& b);

/// FID or FD. @throws InputError  when the protocols differ, naming both.
double frechet_distance(const FeatureStatistics& a, const FeatureStatistics& b);

/// @throws InputError  when the features were not kept; the message says how to keep them.
void require_features(const FeatureStatistics& statistics);

/// KID or KD. @throws InputError  when the protocols differ, or a side keeps no features.
/// @param group, between_blocks  see kernel_distance of samples.
KernelDistance kernel_distance(const FeatureStatistics& a, const FeatureStatistics& b,
                               dist::ProcessGroup& group = dist::ProcessGroup::single(),
                               const BetweenBlocks& between_blocks = {});

/// A warning line when there are no more samples than features, so that the covariance is singular; else "".
std::string few_features_warning(const FeatureStatistics& statistics);

}  // namespace monge::eval
