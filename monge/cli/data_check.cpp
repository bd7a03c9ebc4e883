// monge data check: checks a set of images or a table before a training.
#include <algorithm>
#include <cstdio>
#include <functional>
#include <iostream>
#include <memory>

#include "monge/cli/command.h"
#include "monge/cli/table_check.h"
#include "monge/core/error.h"
#include "monge/core/names.h"
#include "monge/data/check.h"
#include "monge/data/check_table.h"
#include "monge/data/open.h"
#include "monge/session/check_report.h"

namespace monge::cli {
namespace {

struct CheckCommand {
  Common common;
  std::string source, against;
  int64_t most = 20;
  bool strict = false;
};

/// "90 to 110 (21 values)", or "64".
std::string range(const data::ImageReport::Count& values) {
  if (values.empty()) return "-";
  const auto least = values.begin()->first, most = values.rbegin()->first;
  return least == most ? std::to_string(least) : text(least, " to ", most, " (", values.size(), " values)");
}

std::string channels(const data::ImageReport::Count& values) {
  static constexpr const char* kNames[] = {"", "grey", "grey + alpha", "RGB", "RGBA"};
  std::string out;
  for (const auto& [value, count] : values)
    out += text(out.empty() ? "" : ", ", count, ' ', kNames[std::clamp<int64_t>(value, 0, 4)]);
  return out.empty() ? "-" : out;
}

/// Prints the number of items, then the first `most` of them.
void print_list(const char* label, size_t count, int64_t most, const std::function<std::string(size_t)>& line) {
  std::printf("%-12s %zu\n", label, count);
  const size_t shown = most == 0 ? count : std::min(count, static_cast<size_t>(most));
  for (size_t i = 0; i < shown; ++i) std::printf("  %s\n", printable(line(i)).c_str());
  if (shown < count) std::printf("  and %zu more (--most 0 lists all)\n", count - shown);
}

void print_table(const data::ImageReport& r, const CheckCommand& command) {
  const auto pair = [](const auto& list) {
    return [&list](size_t i) { return shown(list[i].first) + "  =  " + shown(list[i].second); };
  };
  std::printf("%-12s %s\n%-12s %lld, %.1f MB\n%-12s %s\n%-12s %s\n%-12s %s\n", "source", r.name.c_str(), "images",
              static_cast<long long>(r.images), 1e-6 * static_cast<double>(r.bytes), "widths", range(r.widths).c_str(),
              "heights", range(r.heights).c_str(), "channels", channels(r.channels).c_str());
  print_list("corrupt", r.corrupt.size(), command.most, [&](size_t i) { return r.corrupt[i]; });
  print_list("duplicates", r.duplicates.size(), command.most, pair(r.duplicates));
  print_list("near-empty", r.near_empty.size(), command.most, [&](size_t i) { return shown(r.near_empty[i]); });
  print_list("converted", r.converted.size(), command.most, [&](size_t i) {
    return shown(r.converted[i].first) + "  is " + io::conversion_name(r.converted[i].second);
  });
  if (!r.oriented.empty()) {
    print_list("EXIF-turned", r.oriented.size(), command.most, [&](size_t i) {
      return shown(r.oriented[i].first) + text("  has the EXIF orientation ", r.oriented[i].second,
                                               " and is turned upright (exif = \"ignore\" keeps it as stored)");
    });
  }
  const auto names = [](const std::vector<std::string>& list) { return [&list](size_t i) { return shown(list[i]); }; };
  if (!r.without_end.empty()) print_list("without IEND", r.without_end.size(), command.most, names(r.without_end));
  if (!r.several_pages.empty()) print_list("first frame", r.several_pages.size(), command.most, names(r.several_pages));
  if (r.notes.sixteen_bit > 0) {
    std::printf("%-12s %lld, using the values %lld..%lld of 0..65535\n", "16-bit",
                static_cast<long long>(r.notes.sixteen_bit), static_cast<long long>(r.notes.least),
                static_cast<long long>(r.notes.largest));
  }
  if (r.against > 0) print_list("leaked", r.leaked.size(), command.most, pair(r.leaked));
  if (!r.unread.empty()) print_list("unread", r.unread.size(), command.most, [&](size_t i) { return r.unread[i]; });
  if (!r.damaged.empty()) print_list("damaged", r.damaged.size(), command.most, [&](size_t i) { return r.damaged[i]; });
}

int run(const CheckCommand& command) {
  watch_signals();
  if (data::names_table(command.source))
    return check_table(command.common, command.source, command.against, command.most, command.strict);
  data::require_images(command.source);
  if (!command.against.empty()) {
    require(!data::names_table(command.against), "--against: ", command.against, " is a table, and ", command.source,
            " holds images");
    data::require_images(command.against);
  }
  const auto log = log_sink(command.common);
  const auto report = data::check_images(command.source, command.against, log,
                                         progress_callback(command.common, "checking"), stop_flag());
  if (!report.complete) {
    log(LogLevel::warning, "stopped; an incomplete check is not printed");
    return kStopped;
  }
  const auto unused_range = io::unused_range_warning(report.notes, "range (source.range, target.range, --range)");
  if (!unused_range.empty()) log(LogLevel::warning, report.name + ": " + unused_range);
  const bool passed = session::passes(report, command.strict);
  if (command.common.json) {
    std::cout << session::report_json(report, passed) << std::endl;
  } else {
    print_table(report, command);
    const char* fit = unused_range.empty()
                          ? "fit to train on"
                          : "fit to train on if the range of the 16-bit images is set: see the warning";
    std::printf("%-12s %s\n", "verdict", passed ? fit : "not fit to train on as it is: see above");
  }
  return passed ? kDone : kUsage;
}

}  // namespace

void add_data_check(CLI::App& group, Action& action) {
  auto* command = group.add_subcommand(
      "check",
      "Check every image or row: counts, sizes and ranges; corrupt, missing, duplicate, empty or leaked items");
  auto options = std::make_shared<CheckCommand>();
  command
      ->add_option("SRC", options->source,
                   "Folder, archive, shards (NAME-{000..146}.tar), FILE.parquet, packed set or image; or a table: "
                   ".npy, .npz, .csv, FILE.csv?columns=a,b")
      ->required();
  command->add_option("--against", options->against,
                      "Second set, for example the test set; images or rows in both sets count as leaked");
  command->add_option("--most", options->most, "Maximum number of items to list of each kind; 0: all")
      ->check(CLI::Range(0, 1 << 30))
      ->capture_default_str();
  command->add_flag(
      "--strict", options->strict,
      "Also fail for duplicates, near-empty images, images that need conversion and PNG files without their last "
      "chunk; for tables: duplicates, constant columns, columns beyond float32, columns with fill values, and "
      "warnings");
  add_output_flags(*command, options->common);
  command->footer(
      "Exit code 0 if the set passes, 2 if an image is corrupt or leaked, a packed set is damaged, or a row is "
      "incomplete or leaked.");
  command->callback([&action, options] { action = [options] { return run(*options); }; });
}

}  // namespace monge::cli
