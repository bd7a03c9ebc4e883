// monge weights: lists, fetches and verifies the weight files of the nets that evaluate images.
#include "monge/eval/weights.h"

#include <cstdio>
#include <iostream>
#include <memory>

#include "monge/cli/command.h"
#include "monge/cli/megabytes.h"
#include "monge/core/error.h"
#include "monge/core/files.h"
#include "monge/core/nearest.h"
#include "monge/core/quoting.h"

namespace monge::cli {
namespace {

namespace fs = std::filesystem;
using eval::FoundWeights;
using nlohmann::ordered_json;

struct WeightsCommand {
  Common common;
  std::vector<std::string> names;
  std::string folder, url;
};

const char* word(FoundWeights::Status status) {
  switch (status) {
    case FoundWeights::missing:
      return "missing";
    case FoundWeights::damaged:
      return "damaged";
    case FoundWeights::present:
      return "present";
    case FoundWeights::intact:
      return "intact";
  }
  return "";
}

ordered_json json_of(const eval::Weights& weights, const FoundWeights& found, const char* state) {
  const auto& file = found.file.name.empty() ? weights.files[0] : found.file;
  ordered_json out{{"name", weights.name},       {"state", state},      {"path", nullptr},
                   {"file", file.name},          {"bytes", file.bytes}, {"sha256", file.sha256},
                   {"licence", weights.licence}, {"url", weights.url},  {"purpose", weights.purpose},
                   {"needs", weights.needs}};
  if (!found.path.empty()) out["path"] = found.path.string();
  if (!found.problem.empty()) out["problem"] = found.problem;
  return out;
}

int list(const WeightsCommand& command) {
  const auto folders = eval::weights_folders(command.folder);
  if (!command.common.json)
    std::printf("%-14s %-8s %9s  %-13s %-50s %s\n", "name", "state", "size", "licence", "for", "file");
  for (const auto& weights : eval::known_weights()) {
    const auto found = locate_weights(weights, folders);
    if (command.common.json) {
      print_json(json_of(weights, found, word(found.status)));
      continue;
    }
    const auto& file = found.file.name.empty() ? weights.files[0] : found.file;
    auto purpose = weights.purpose;
    for (const auto& need : weights.needs) purpose += ", with " + need;
    std::printf("%-14s %-8s %9s  %-13s %-50s %s\n", weights.name.c_str(), word(found.status),
                size_text(file.bytes).c_str(), weights.licence.c_str(), purpose.c_str(),
                found.path.empty() ? file.name.c_str() : found.path.c_str());
  }
  if (command.common.json || command.common.quiet) return kDone;
  std::vector<std::string> places;
  for (const auto& folder : folders) places.push_back(folder.string());
  std::printf(
      "\nFolders searched: %s.\n"
      "monge weights fetch fid (or kid) fetches inception; alex, squeeze and vgg fetch the heads and the trunk of that "
      "LPIPS.\n"
      "monge weights verify compares SHA-256; --json prints the SHA-256 and the addresses.\n",
      join(places).c_str());
  return kDone;
}

void make_folder(const fs::path& folder) {
  try {
    make_writable_folder(folder);
  } catch (const InputError& error) {
    throw InputError(text(error.what(), " with --weights or MONGE_WEIGHTS"));
  }
}

int fetch(const WeightsCommand& command) {
  const auto all = eval::weights_named(command.names);
  if (!command.url.empty() && !command.url.ends_with('/') && all.size() > 1) {
    std::string files;
    for (const auto& weights : all) files += (files.empty() ? "" : ", ") + weights.files[0].name;
    throw InputError(
        {.what = text("one address, but ", all.size(), " files (", files, ")"),
         .where = "--url",
         .value = fetch::without_credentials(command.url),
         .fix = "end the address with / if it is a folder that holds the files, or fetch them one by one"});
  }
  const auto log = log_sink(command.common);
  const auto folders = eval::weights_folders(command.folder);
  // A user who names a folder wants the file there, even if another folder has it.
  const auto places = command.folder.empty() ? folders : std::vector{folders.front()};
  watch_signals();
  for (const auto& weights : all) {
    auto found = verify_weights(weights, places, megabytes(command.common, "checking " + weights.name));
    const bool there = found.status == FoundWeights::intact;
    if (there) {
      log(LogLevel::info, weights.name + ": already present, " + found.path.string());
    } else {
      if (found.status == FoundWeights::damaged) {
        log(LogLevel::info, found.path.string() + " " + found.problem + "; fetching it again");
      }
      const auto& file = weights.files[0];
      make_folder(folders.front());
      const auto got =
          fetch_weights(weights, folders.front(), command.url,
                        {.progress = megabytes(command.common, "fetching " + weights.name), .stop = &stop_flag()});
      if (!got.complete) {
        log(LogLevel::warning, text("stopped; ", got.bytes, " bytes of ", weights.name,
                                    " are kept; run the same command again to resume"));
        return kStopped;
      }
      found = {.status = FoundWeights::intact, .path = folders.front() / file.name, .file = file};
      log(LogLevel::info, weights.name + ": fetched and verified, " + found.path.string());
    }
    if (command.common.json) print_json(json_of(weights, found, there ? "intact" : "fetched"));
  }
  return kDone;
}

int verify(const WeightsCommand& command) {
  const bool named = !command.names.empty();
  const auto folders = eval::weights_folders(command.folder);
  int code = kDone;
  for (const auto& weights : named ? eval::weights_named(command.names) : eval::known_weights()) {
    const auto found = verify_weights(weights, folders, megabytes(command.common, "checking " + weights.name));
    if (found.status == FoundWeights::damaged || (named && found.status == FoundWeights::missing)) code = kUsage;
    if (command.common.json) {
      print_json(json_of(weights, found, word(found.status)));
      continue;
    }
    std::cout << weights.name << ": " << word(found.status);
    if (!found.path.empty()) std::cout << ", " << found.path.string();
    if (!found.problem.empty()) std::cout << " " << found.problem;
    if (found.status != FoundWeights::intact) {
      std::cout << "; run: monge weights fetch " << weights.name
                << (command.folder.empty() ? "" : " --weights " + shell_quoted(command.folder));
    }
    std::cout << std::endl;
  }
  return code;
}

}  // namespace

void add_weights(CLI::App& program, Action& action) {
  auto* command =
      program.add_subcommand("weights", "List, fetch and verify the weight files of the nets that evaluate images");
  command->require_subcommand(1);
  command->footer(
      "Only fetch downloads files. Folders searched, in this order: --weights, MONGE_WEIGHTS, the user's cache. "
      "See docs/weights.md");
  const auto add = [&](const char* name, const char* help, int (*run)(const WeightsCommand&)) {
    auto* sub = command->add_subcommand(name, help);
    auto options = std::make_shared<WeightsCommand>();
    sub->add_option("--weights", options->folder, "Folder of weight files");
    add_output_flags(*sub, options->common);
    sub->callback([&action, options, run] { action = [options, run] { return run(*options); }; });
    return std::pair{sub, options};
  };
  add("list", "Print the known files, their purpose and their state", list);
  const auto [get, get_options] =
      add("fetch", "Fetch and verify files; partial downloads are resumed, intact files are kept", fetch);
  get->add_option("NAME", get_options->names,
                  "Names from monge weights list; or fid, kid, alex, squeeze, vgg: all files that they need")
      ->required();
  get->add_option("--url", get_options->url,
                  "Mirror: address of the file, or of a folder that holds the files (ends with /)");
  const auto [check, check_options] =
      add("verify", "Compare size and SHA-256; exit code 2 if a file is damaged, or named and missing", verify);
  check->add_option("NAME", check_options->names, "Names as for fetch; default: all files");
}

}  // namespace monge::cli
