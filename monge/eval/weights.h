// Weight files of the nets that evaluate images: the known files, the folders that are searched, and fetching.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "monge/fetch/download.h"

namespace monge::eval {

/// A file that holds the weights.
struct WeightsFile {
  std::string name;  ///< in a folder of weights
  int64_t bytes = 0;
  std::string sha256;  ///< 64 lower-case hexadecimal digits
};

/// Public weights, under the name by which find_weights() takes them.
struct Weights {
  std::string name;     ///< "inception"
  std::string purpose;  ///< in a few words
  std::string licence;  ///< SPDX identifier of the project that publishes the file
  std::string url;      ///< of the first file
  /// The published file first, then other accepted files with the same numbers.
  std::vector<WeightsFile> files;
  /// Names of the weights without which these are useless: heads need their trunk.
  std::vector<std::string> needs = {};
};

/// All of them: inception; lpips-alex, lpips-squeeze, lpips-vgg (heads); alexnet, squeezenet1_1, vgg16 (trunks).
const std::vector<Weights>& known_weights();

/// The weights that the words of a user stand for, and those that they need, each once. A word is a name, a metric
/// ("fid", "kid") or a variant of LPIPS ("alex", "squeeze", "vgg"). "lpips-alex" and "alex" give the heads and the
/// trunk, "alexnet" the trunk alone.
/// @throws InputError that lists the words and suggests the nearest.
std::vector<Weights> weights_named(const std::vector<std::string>& words);

/// The folders that are searched for weights, in this order: `flag` (the folder that the user named; may be empty), the
/// folders of MONGE_WEIGHTS (separated by ':'), and monge/weights in the user's cache (XDG_CACHE_HOME, else ~/.cache).
/// They need not exist. A fetch writes to the first.
/// @throws InputError if there is none, which only happens without HOME.
std::vector<std::filesystem::path> weights_folders(const std::filesystem::path& flag = {});

/// The file found on the disk: that of the first folder that has one, and there the published file first.
struct FoundWeights {
  enum Status {
    missing,  ///< in no folder
    damaged,  ///< found, but of another size or SHA-256; `problem` says which
    present,  ///< of the right size; the SHA-256 was not computed
    intact    ///< of the right SHA-256
  } status = missing;
  std::filesystem::path path = {};
  WeightsFile file = {};
  std::string problem = {};
};

/// Finds a file by name and size alone, which costs nothing.
FoundWeights locate_weights(const Weights& weights, const std::vector<std::filesystem::path>& folders);

/// Finds a file and compares its SHA-256, for which it reads the file. The status is never `present`.
/// @param progress  (bytes read, size).
FoundWeights verify_weights(const Weights& weights, const std::vector<std::filesystem::path>& folders,
                            const std::function<void(int64_t, int64_t)>& progress = {});

/// The file of `name` in weights_folders(flag), of the right size. Never downloads anything.
/// @throws InputError  if it is missing or of another size, naming the folders that were searched and the one command
///                     that fetches it; also for an unknown name, or a `flag` that is no folder.
std::filesystem::path find_weights(const std::string& name, const std::filesystem::path& flag = {});

/// Fetches the published file into `folder`, which is made if absent, and checks its size and SHA-256.
/// @param url      address of a mirror, also file://; empty for the published one. If it ends in '/', the name of
///                 the file is added.
/// @param options  tries, times, progress and stop; size and hash are set here.
/// @return what fetch::download returns. @throws as fetch::download.
fetch::Download fetch_weights(const Weights& weights, const std::filesystem::path& folder, const std::string& url = {},
                              fetch::DownloadOptions options = {});

}  // namespace monge::eval
