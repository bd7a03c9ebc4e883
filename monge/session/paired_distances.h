// Distances between paired images of two sets: LPIPS, with the mean squared error, PSNR and SSIM.
#pragma once

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <string>

#include "monge/session/compute.h"
#include "monge/session/hooks.h"

namespace monge::session {

struct PairedOptions {
  std::string net = "alex";          ///< trunk of LPIPS: alex, squeeze or vgg
  std::string weights = "";          ///< folder of weight files that is searched first
  std::string background = "white";  ///< colour behind transparent pixels: white, black, #rrggbb
  std::string on_error = "fail";     ///< what to do with images that cannot be used: fail (list them) or skip
  bool by_order = false;             ///< pair by order; false: by name, without the extension if the names differ
  std::filesystem::path table = {};  ///< .csv file for the distances of each pair; empty: none
};

/// Means over the pairs. Values of images are in [-1, 1].
struct PairedDistances {
  bool complete = true;  ///< false when the stop flag ended it; then nothing else is set
  int64_t pairs = 0;     ///< that were compared
  int64_t skipped = 0;   ///< pairs with an image that could not be used
  double lpips = 0;      ///< see eval::Lpips
  double mse = 0;        ///< per entry
  double ssim = 0;       ///< NaN if an image has fewer than eval::kSsimSide pixels on a side
  std::string hash;      ///< of the weights of LPIPS

  /// Decibels, of the mean squared error over all pairs, so that equal pairs do not make it infinite.
  double psnr() const { return 10 * std::log10(4 / mse); }
};

/// Compares each image of `a` with its partner in `b`, both a folder, an archive, a .npy of images or one image. The
/// log gets the protocol, and warnings of pairs that were left out. Runs on one rank.
/// @throws InputError for images without a partner or with several, partners of different sizes, missing weights, and
///         images that cannot be used (all of them in one error, unless they are skipped).
PairedDistances compare_pairs(const std::string& a, const std::string& b, const PairedOptions& options = {},
                              const Compute& compute = {}, const Hooks& hooks = {});

}  // namespace monge::session
