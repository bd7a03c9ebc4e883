// The learned perceptual distance LPIPS, version 0.1.
#pragma once

#include <torch/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "monge/eval/evaluation_progress.h"
#include "monge/eval/image_range.h"
#include "monge/eval/lpips_trunk.h"

namespace monge::eval {

/// LPIPS of Zhang, Isola, Efros, Shechtman and Wang 2018, "The Unreasonable Effectiveness of Deep Features as a
/// Perceptual Metric":
///
///     d(a, b) = sum_l mean_hw sum_c w_lc (n(y_l(a)) - n(y_l(b)))_c^2,    n(y) = y / (sqrt(sum_c y^2) + 1e-10)
///
/// with the learned heads w and the maps y_l of a trunk at the input (x - shift) / scale, where
/// shift = (-.030, -.088, -.188) and scale = (.458, .448, .450). It is symmetric, and exactly 0 for equal images. Const
/// calls are thread-safe and deterministic.
class Lpips {
 public:
  /// @param trunk  a file of torch.save with a state dict of torchvision, of a whole net or of its features.
  /// @param heads  the heads of LPIPS v0.1: lin{l}.model.1.weight [1, C_l, 1, 1].
  /// @throws InputError naming the file when it cannot be read or does not hold what the net needs.
  Lpips(LpipsNet net, const std::filesystem::path& trunk, const std::filesystem::path& heads,
        torch::Device device = torch::kCPU);

  /// The distance of each pair.
  /// @param between_blocks  may be empty.
  /// @return  [N] float32 on the CPU.
  /// @throws InputError unless a and b hold equally many images of one size, no smaller than the trunk needs.
  torch::Tensor distance(const SignedImages& a, const SignedImages& b, const BetweenBlocks& between_blocks = {}) const;

  /// The terms of the sum, [N, L].
  torch::Tensor distance_by_layer(const SignedImages& a, const SignedImages& b,
                                  const BetweenBlocks& between_blocks = {}) const;

  /// "lpips-alex", "lpips-squeeze" or "lpips-vgg".
  std::string name() const { return "lpips-" + name_of(net_); }
  /// content_hash of the bytes of both files, trunk first.
  const std::string& hash() const { return hash_; }
  torch::Device device() const { return device_; }

 private:
  Lpips(LpipsNet net, const std::string& trunk_bytes, const std::string& trunk_name, const std::string& heads_bytes,
        const std::string& heads_name, torch::Device device);
  std::vector<torch::Tensor> normalised_taps(const SignedImages& images) const;

  LpipsNet net_;
  torch::Device device_;
  std::string hash_;
  LpipsTrunk trunk_;
  std::vector<torch::Tensor> heads_;  // [C_l, 1, 1]
  torch::Tensor shift_, scale_;       // [3, 1, 1]
};

}  // namespace monge::eval
