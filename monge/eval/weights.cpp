#include "monge/eval/weights.h"

#include <algorithm>
#include <map>

#include "monge/core/error.h"
#include "monge/core/nearest.h"
#include "monge/core/quoting.h"
#include "monge/core/user_folders.h"
#include "monge/core/user_words.h"
#include "monge/io/sha256.h"

namespace monge::eval {
namespace {

namespace fs = std::filesystem;

/// Metrics and variants of LPIPS, and the names of their weights.
const std::map<std::string, std::string>& aliases() {
  static const std::map<std::string, std::string> out{{"fid", "inception"},
                                                      {"kid", "inception"},
                                                      {"alex", "lpips-alex"},
                                                      {"squeeze", "lpips-squeeze"},
                                                      {"vgg", "lpips-vgg"}};
  return out;
}

const Weights& weights_of(const std::string& word) {
  const auto alias = aliases().find(word);
  const auto& name = alias == aliases().end() ? word : alias->second;
  std::vector<std::string> words;
  for (const auto& weights : known_weights()) {
    if (weights.name == name) return weights;
    words.push_back(weights.name);
  }
  for (const auto& [short_word, unused] : aliases()) words.push_back(short_word);
  throw InputError(
      {.what = "unknown weights", .value = '"' + word + '"', .allowed = join(words), .fix = suggestion(word, words)});
}

/// The command that fetches the weights, with the folder if the user named one.
std::string fetch_command(const std::string& name, const fs::path& flag) {
  return user_word("eval::fetch_weights()") + " " + name +
         (flag.empty() ? "" : " " + user_word("in folder") + " " + shell_quoted(flag.string()));
}

FoundWeights damaged(FoundWeights found, const std::string& problem) {
  found.status = FoundWeights::damaged;
  found.problem = problem;
  return found;
}

}  // namespace

std::vector<Weights> weights_named(const std::vector<std::string>& words) {
  std::vector<Weights> out;
  const auto add = [&out](const Weights& weights) {
    const bool had =
        std::any_of(out.begin(), out.end(), [&](const Weights& other) { return other.name == weights.name; });
    if (!had) out.push_back(weights);
  };
  for (const auto& word : words) {
    const auto& weights = weights_of(word);
    add(weights);
    for (const auto& need : weights.needs) add(weights_of(need));
  }
  return out;
}

std::vector<fs::path> weights_folders(const fs::path& flag) {
  const auto out = user_folders(flag, "MONGE_WEIGHTS", "weights");
  if (!out.empty()) return out;
  throw InputError({.what = "no folder for weights is known: HOME is not set",
                    .fix = "name one with " + user_word("eval::weights_folders(folder)") + " or MONGE_WEIGHTS"});
}

FoundWeights locate_weights(const Weights& weights, const std::vector<fs::path>& folders) {
  for (const auto& folder : folders) {
    for (const auto& file : weights.files) {
      FoundWeights found{.status = FoundWeights::present, .path = folder / file.name, .file = file};
      std::error_code failure;
      if (!fs::exists(found.path, failure)) continue;
      const auto size = fs::is_regular_file(found.path, failure) ? fs::file_size(found.path, failure) : 0;
      if (failure || size == 0) return damaged(found, "is empty or not a file");
      if (static_cast<int64_t>(size) == file.bytes) return found;
      return damaged(found, text("has ", size, " bytes, expected ", file.bytes));
    }
  }
  return {};
}

FoundWeights verify_weights(const Weights& weights, const std::vector<fs::path>& folders,
                            const std::function<void(int64_t, int64_t)>& progress) {
  auto found = locate_weights(weights, folders);
  if (found.status != FoundWeights::present) return found;
  const auto digest = io::sha256_of_file(found.path, progress);
  if (digest != found.file.sha256) return damaged(found, "has SHA-256 " + digest + ", expected " + found.file.sha256);
  found.status = FoundWeights::intact;
  return found;
}

fs::path find_weights(const std::string& name, const fs::path& flag) {
  const auto& weights = weights_of(name);
  std::error_code ignored;
  if (!flag.empty() && !fs::is_directory(flag, ignored)) {
    throw InputError({.what = "is not a folder",
                      .where = user_word("eval::weights_folders(folder)") + " " + flag.string(),
                      .fix = "name a folder that holds " + weights.files[0].name +
                             ", or create it: " + fetch_command(weights.name, flag)});
  }
  const auto folders = weights_folders(flag);
  const auto found = locate_weights(weights, folders);
  if (found.status == FoundWeights::present) return found.path;
  const auto fetch = "run: " + fetch_command(weights.name, flag);
  if (found.status == FoundWeights::damaged) {
    throw InputError(
        {.what = found.problem, .where = found.path.string(), .fix = "the file is truncated or another one; " + fetch});
  }
  std::vector<std::string> files, places;
  for (const auto& file : weights.files) files.push_back(file.name);
  for (const auto& folder : folders) places.push_back(folder.string());
  throw InputError({.what = "the weights " + weights.name + " (" + join(files, " or ") + ") are not in " + join(places),
                    .fix = fetch});
}

fetch::Download fetch_weights(const Weights& weights, const fs::path& folder, const std::string& url,
                              fetch::DownloadOptions options) {
  const auto& file = weights.files.at(0);
  options.bytes = file.bytes;
  options.sha256 = file.sha256;
  options.allow_file_urls = !url.empty();
  const auto address = url.empty() ? weights.url : url.ends_with('/') ? url + file.name : url;
  return fetch::download(address, folder / file.name, options);
}

}  // namespace monge::eval
