// What is kept of the features of a set of images, with the protocol under which they were taken.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <string>

#include "monge/core/files.h"
#include "monge/eval/feature_moments.h"
#include "monge/eval/features.h"
#include "monge/eval/kernel_distance.h"

namespace monge::eval {

/// Which features, seen how. Figures of different protocols do not compare.
struct FeatureProtocol {
  std::string net;   ///< "inception", or the name of an outside net
  std::string mode;  ///< how images reach the net's size, see FeatureNet::mode
  std::string hash;  ///< of the net's weights
};

FeatureProtocol protocol_of(const FeatureNet& net);

/// Whether the net is the FID Inception net, and not a file that happens to have its name.
bool is_fid_net(const FeatureProtocol& protocol);

/// "FID" and "KID" for the FID Inception net, "FD(name)" and "KD(name)" for any other: those names are its alone.
std::string frechet_name(const FeatureProtocol& protocol);
std::string kernel_name(const FeatureProtocol& protocol);

struct FeatureStatistics {
  FeatureProtocol protocol;
  std::string source;  ///< where the images came from, for records
  Moments moments;
  torch::Tensor features_NF;  ///< float32; undefined where only the moments were kept
};

/// A safetensors file: mean, covariance (float64), features (float32, if kept), and the protocol in the metadata.
void write_statistics(const std::filesystem::path& path, const FeatureStatistics& statistics,
                      const Files& files = real_files());

/// @throws InputError naming the file: not such a file, another version, shapes that do not fit each other.
FeatureStatistics read_statistics(const std::filesystem::path& path, const Files& files = real_files());

/// @throws InputError  naming both sides unless their protocols are the same.
void require_same_protocol(const FeatureStatistics& a, const FeatureStatistics& b);

/// FID or FD. @throws InputError  when the protocols differ, saying in what.
double frechet_distance(const FeatureStatistics& a, const FeatureStatistics& b);

/// @throws InputError  when the features were not kept, saying how to.
void require_features(const FeatureStatistics& statistics);

/// KID or KD. @throws InputError  when the protocols differ, or a side keeps no features.
/// @param group  see kernel_distance of samples.
KernelDistance kernel_distance(const FeatureStatistics& a, const FeatureStatistics& b,
                               dist::ProcessGroup& group = dist::ProcessGroup::single());

/// A line for the user when there are fewer samples than features, so that a covariance is singular; else "".
std::string few_features_warning(const FeatureStatistics& statistics);

}  // namespace monge::eval
