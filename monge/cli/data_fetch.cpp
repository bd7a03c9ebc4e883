// monge data fetch: downloads, checks and unpacks public data into a folder.
#include <algorithm>
#include <cctype>
#include <memory>

#include "monge/cli/command.h"
#include "monge/cli/megabytes.h"
#include "monge/core/error.h"
#include "monge/fetch/fetch.h"
#include "monge/io/sha256.h"

namespace monge::cli {
namespace {

using nlohmann::ordered_json;

struct DataFetchCommand {
  Common common;
  std::vector<std::string> words;  ///< addresses and, last, the folder
  std::vector<std::string> sha256;
  std::string name;
  bool keep = false, no_unpack = false;
  int64_t strip = 0, most_gb = 256;
};

/// A digest in lower case; "-" becomes "".
std::string digest_of(const std::string& given) {
  std::string word = given == "-" ? "" : given;
  if (given == "-") return word;
  std::transform(word.begin(), word.end(), word.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (!io::is_sha256(word)) {
    throw InputError(
        {.what = "is not a SHA-256", .where = "--sha256", .value = word, .allowed = "64 hexadecimal digits, or -"});
  }
  return word;
}

/// One digest for each address.
std::vector<std::string> digests_of(const DataFetchCommand& command, size_t addresses) {
  std::vector<std::string> out;
  for (const auto& word : command.sha256) out.push_back(digest_of(word));
  if (out.empty()) out.resize(addresses);
  if (out.size() == addresses) return out;
  throw InputError({.what = text(addresses, addresses == 1 ? " address, but " : " addresses, but ", out.size(),
                                 out.size() == 1 ? " checksum" : " checksums"),
                    .where = "--sha256",
                    .fix = "give one for each address, in the same order; - for an unknown one"});
}

std::vector<std::string> addresses_of(const DataFetchCommand& command) {
  const auto& last = command.words.back();
  if (last.find("://") != last.npos) {
    throw InputError({.what = "the last argument must be the destination folder, not an address",
                      .value = fetch::without_credentials(last),
                      .fix = "monge data fetch URL... FOLDER"});
  }
  std::vector<std::string> out(command.words.begin(), command.words.end() - 1);
  if (out.empty())
    throw InputError({.what = "no address is given", .value = last, .fix = "monge data fetch URL... FOLDER"});
  if (!command.name.empty() && out.size() > 1) {
    throw InputError({.what = text("one name for ", out.size(), " addresses"),
                      .where = "--name",
                      .value = command.name,
                      .fix = "fetch them one by one"});
  }
  if (command.name.empty()) {
    for (const auto& url : out) fetch::file_name_of(url);  // throws before the first of them is fetched
  }
  return out;
}

ordered_json json_of(const fetch::Fetched& result) {
  const auto& file = result.file;
  return {{"url", file.url},
          {"path", result.path.string()},
          {"state", result.state == fetch::Fetched::there ? "there" : "fetched"},
          {"bytes", file.bytes},
          {"sha256", file.sha256},
          {"entries", file.entries},
          {"left_out", file.left_out},
          {"duplicates", file.duplicates}};
}

int fetch(const DataFetchCommand& command) {
  const auto addresses = addresses_of(command);
  const auto digests = digests_of(command, addresses.size());
  const auto log = log_sink(command.common);
  watch_signals();
  for (size_t i = 0; i < addresses.size(); ++i) {
    const auto name = command.name.empty() ? fetch::file_name_of(addresses[i]) : command.name;
    fetch::FetchOptions options{.name = command.name,
                                .sha256 = digests[i],
                                .unpack = !command.no_unpack,
                                .keep = command.keep,
                                .log = log,
                                .downloading = megabytes(command.common, "fetching " + name),
                                .unpacking_progress = megabytes(command.common, "unpacking " + name),
                                .stop = &stop_flag()};
    options.download.most_bytes = command.most_gb * 1000000000;
    options.unpacking.strip = command.strip;
    options.unpacking.limits.most_bytes = command.most_gb * 1000000000;
    options.unpacking.limits.most_entry_bytes = options.unpacking.limits.most_bytes;
    const auto result = fetch::fetch(addresses[i], command.words.back(), options);
    const auto& file = result.file;
    if (result.state == fetch::Fetched::stopped) {
      log(LogLevel::warning,
          text("stopped; ", file.bytes, " bytes of ", name, " are kept; run the same command again to resume"));
      return kStopped;
    }
    if (result.state == fetch::Fetched::there) {
      log(LogLevel::info, text(name, ": already fetched, ", result.path.string()));
    } else {
      log(LogLevel::info, text(name, ": fetched, ", size_text(file.bytes), ", sha256 ", file.sha256,
                               digests[i].empty() ? " (not compared: no --sha256 was given; note the value)"
                                                  : " as given by --sha256"));
      if (file.unpacked) {
        log(LogLevel::info, text(name, ": ", file.entries, file.entries == 1 ? " file, " : " files, ",
                                 size_text(file.unpacked_bytes), ", unpacked into ", result.path.string()));
      }
    }
    if (command.common.json) print_json(json_of(result));
  }
  return kDone;
}

}  // namespace

void add_data_fetch(CLI::App& group, Action& action) {
  auto* command =
      group.add_subcommand("fetch", "Download, check and unpack public data into a folder; resumes partial downloads");
  auto options = std::make_shared<DataFetchCommand>();
  command
      ->add_option("URL... DST", options->words,
                   "Addresses (http, https) of archives or files, followed by the destination folder")
      ->required();
  command
      ->add_option("--sha256", options->sha256,
                   "SHA-256 of the file; one for each URL, in the same order; - if unknown (repeatable)")
      ->allow_extra_args(false);
  command->add_option("--name", options->name,
                      "Name of the file if the address has none; its extension selects the format");
  command->add_flag("--keep", options->keep, "Keep the archives beside their unpacked files");
  command->add_flag("--no-unpack", options->no_unpack, "Store archives in the folder without unpacking them");
  command->add_option("--strip", options->strip, "Number of leading folders to remove from the names in an archive")
      ->check(CLI::Range(0, 100))
      ->capture_default_str();
  command
      ->add_option("--most-gb", options->most_gb,
                   "Maximum size of a download and of what an archive unpacks to, in GB; larger ones are refused")
      ->check(CLI::Range(int64_t{1}, int64_t{1000000}))
      ->capture_default_str();
  command->footer(
      "tar (plain, gzip, bzip2, xz, zstd) and zip are unpacked during the download, 7z after it; other files are "
      "stored in the folder.\n"
      "Existing files are not overwritten. DST/.monge-fetch.json records what was fetched. Exit code 3 after Ctrl-C: "
      "run the same command again to resume.\n"
      "Addresses and licences of public sets: docs/datasets.md");
  add_output_flags(*command, options->common);
  command->callback([&action, options] { action = [options] { return fetch(*options); }; });
}

}  // namespace monge::cli
