// Weight files of the nets that judge images: which there are, where they are found, and how they are fetched.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "monge/fetch/download.h"

namespace monge::eval {

/// One file that holds the weights.
struct WeightsForm {
  std::string file;  ///< its name in a folder of weights
  int64_t bytes = 0;
  std::string sha256;  ///< 64 lower-case hexadecimal digits
};

/// Public weights, by the name that find_weights() and `monge weights` know.
struct Weights {
  std::string name;     ///< "inception"
  std::string purpose;  ///< in a few words
  std::string licence;  ///< SPDX identifier of the project that publishes the file
  std::string url;      ///< of the first form
  std::vector<WeightsForm>
      forms;  ///< the published file, then other files with the same numbers that are taken as well
  std::vector<std::string> needs =
      {};  ///< names of the weights without which these are of no use: heads need their trunk
};

/// All of them: inception; lpips-alex, lpips-squeeze, lpips-vgg (heads); alexnet, squeezenet1_1, vgg16 (trunks).
const std::vector<Weights>& known_weights();

/// What a user's word stands for, with what it needs and each once: a name; a metric ("fid", "kid"); or a variant of
/// LPIPS
/// ("alex", "squeeze", "vgg"). "lpips-alex" and "alex" are the heads and the trunk, "alexnet" is the trunk alone.
/// @throws InputError that lists the words and suggests the nearest.
std::vector<Weights> weights_named(const std::vector<std::string>& words);

/// Where weights are looked for, in this order: `flag` (of --weights, empty when not given), the folders of
/// MONGE_WEIGHTS (separated by ':'), and monge/weights in the user's cache (XDG_CACHE_HOME, else ~/.cache). They need
/// not exist. A fetch goes to the first.
/// @throws InputError when there is none, which takes a user without HOME.
std::vector<std::filesystem::path> weights_folders(const std::filesystem::path& flag = {});

/// What is on the disk. A form is taken as it stands in the first folder that has one, the published form first.
struct FoundWeights {
  enum Status {
    missing,  ///< in no folder
    damaged,  ///< there, but not of the known size or SHA-256; `problem` says which
    present,  ///< of the right size; the SHA-256 was not looked at
    intact    ///< of the right SHA-256
  } status = missing;
  std::filesystem::path path = {};
  WeightsForm form = {};
  std::string problem = {};
};

/// By name and size alone, which costs nothing.
FoundWeights look_for_weights(const Weights& weights, const std::vector<std::filesystem::path>& folders);

/// By SHA-256, for which the file is read. Never `present`.
/// @param progress  (bytes read, size).
FoundWeights verify_weights(const Weights& weights, const std::vector<std::filesystem::path>& folders,
                            const std::function<void(int64_t, int64_t)>& progress = {});

/// The file of `name` in weights_folders(flag), of the right size. Nothing is ever downloaded.
/// @throws InputError  when it is missing or of another size: names what was looked through and the one command that
/// fetches it.
///                Also for an unknown name, or a `flag` that is no folder.
std::filesystem::path find_weights(const std::string& name, const std::filesystem::path& flag = {});

/// Fetches the published form into `folder` (made when absent), checked by size and SHA-256.
/// @param url      of a mirror; empty: the published one. With a '/' at its end the file's name is added. It may be
/// file://.
/// @param options  tries, times, progress and stop; size and hash are set here.
/// @return what fetch::download returns. @throws as fetch::download.
fetch::Download fetch_weights(const Weights& weights, const std::filesystem::path& folder, const std::string& url = {},
                              fetch::DownloadOptions options = {});

}  // namespace monge::eval
