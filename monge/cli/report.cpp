// monge report, runs and watch: what people see of runs.
#include <chrono>
#include <iostream>
#include <memory>
#include <thread>

#include "monge/cli/command.h"
#include "monge/cli/training_line.h"
#include "monge/core/error.h"
#include "monge/core/file_tail.h"
#include "monge/core/names.h"
#include "monge/core/number.h"
#include "monge/report/findings.h"
#include "monge/report/page.h"
#include "monge/report/run_list.h"

namespace monge::cli {
namespace {

namespace fs = std::filesystem;

struct ReportOptions {
  Common common;
  std::vector<std::string> runs;
  std::string out;
};

int report_command(const ReportOptions& options) {
  std::vector<fs::path> runs(options.runs.begin(), options.runs.end());
  fs::path page = options.out;
  if (runs.size() > 1) {
    if (page.empty()) page = "comparison.html";
    report::write_comparison(runs, page);
  } else if (page.empty()) {
    page = runs[0] / "report.html";
    report::write_report(runs[0]);
  } else {
    real_files().replace(page, report::run_page(report::read_run(runs[0])));
  }
  if (options.common.json) {
    print_json({{"page", page.string()}, {"runs", options.runs}});
  } else if (!options.common.quiet) {
    std::cout << page.string() << std::endl;
  }
  return kDone;
}

nlohmann::ordered_json json_of(const report::RunSummary& run) {
  nlohmann::ordered_json out{{"run", run.folder.string()},
                             {"method", run.method},
                             {"state", report::name_of(run.state)},
                             {"iterations", run.iterations},
                             {"of", run.wanted},
                             {"best_figure", run.best_figure},
                             {"best_value", nullptr},
                             {"best_iteration", nullptr},
                             {"reaches_target", nullptr},
                             {"verdict", nullptr}};
  if (run.best_value) out["best_value"] = *run.best_value;
  if (run.best_value) out["best_iteration"] = run.best_iteration;
  if (run.reaches_target) out["reaches_target"] = *run.reaches_target;
  if (!run.verdict.empty()) out["verdict"] = "the map " + run.verdict;
  return out;
}

int runs_command(const std::string& folder, const Common& common) {
  const auto runs = report::list_runs(folder);
  if (common.json) {
    auto out = nlohmann::ordered_json::array();
    for (const auto& run : runs) out.push_back(json_of(run));
    print_json({{"runs", out}});
    return kDone;
  }
  if (runs.empty()) {
    std::cout << "no runs in " << folder << std::endl;
    return kDone;
  }
  std::vector<std::vector<std::string>> rows{{"run", "method", "state", "iterations", "best", "verdict"}};
  for (const auto& run : runs) {
    rows.push_back({run.folder.filename().string(), run.method, report::name_of(run.state),
                    text(run.iterations, run.wanted > 0 ? text("/", run.wanted) : ""),
                    run.best_value ? text(run.best_figure, " ", number(*run.best_value)) : "-",
                    run.verdict.empty() ? "-" : run.verdict});
  }
  std::vector<size_t> widths(rows[0].size());
  for (const auto& row : rows)
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i)
      std::cout << printable(row[i]) << (i + 1 < row.size() ? std::string(widths[i] - row[i].size() + 2, ' ') : "\n");
  }
  std::cout << std::flush;
  return kDone;
}

/// Prints what happens in a run until it ends.
class RunWatcher {
 public:
  RunWatcher(fs::path folder, const Common& common)
      : folder_(std::move(folder)),
        common_(common),
        metrics_(folder_ / "metrics.jsonl"),
        log_(folder_ / "log.txt"),
        first_(report::read_run(folder_)) {
    if (first_.recipe) samples_ = first_.recipe->train.batch * first_.recipe->train.k_t;
    unit_ = report::is_of_images(first_) ? "images" : "rows";
    progress_ = std::make_unique<Progress>(std::cerr, progress_style(common_), "training",
                                           std::max<int64_t>(first_.iterations_wanted(), 1));
  }

  /// Follows the run to its end, or until a signal comes.
  int follow() {
    constexpr auto kPause = std::chrono::milliseconds(300);
    log_.poll();  // what is there already is the past
    for (;;) {
      // Read before the files, so that nothing is missed of a run that has just ended.
      const bool running = report::read_state(folder_) == report::RunState::running;
      show_log();
      show_metrics();
      if (!running) break;
      if (stop_flag()) {
        progress_->finish();
        return kDone;
      }
      std::this_thread::sleep_for(kPause);
    }
    progress_->finish();
    return conclude();
  }

 private:
  void show_log() {
    for (const auto& line : log_.poll().lines) {
      progress_->finish();
      std::cerr << printable(line) << std::endl;
    }
  }

  void show_metrics() {
    auto news = metrics_.poll();
    if (news.lines.empty()) return;
    std::string lines;
    for (auto& line : news.lines) lines += line + "\n";
    const auto log = run::parse_metrics(lines);
    if (!log.evaluations.empty()) target_ = target_text(report::decisive_errors(log.evaluations.back()));
    rate_.add(log.seconds, log.iterations);
    progress_->update(log.iterations, join({target_, rate_.text(samples_, unit_)}, "  "));
  }

  int conclude() {
    const auto run = report::read_run(folder_);
    const auto findings = report::findings_of(run);
    if (common_.json) {
      print_json(json_of(report::summary_of(run)));
    } else if (!common_.quiet) {
      std::cout << printable(findings.progress + "\n" + findings.verdict) << ".\nreport  "
                << (folder_ / "report.html").string() << std::endl;
    }
    return kDone;
  }

  static std::string join(const std::vector<std::string>& parts, const std::string& between) {
    std::string out;
    for (const auto& part : parts) {
      if (!part.empty()) out += (out.empty() ? "" : between) + part;
    }
    return out;
  }

  fs::path folder_;
  Common common_;
  FileTail metrics_, log_;
  report::RunRecord first_;
  int64_t samples_ = 0;
  std::string unit_, target_;
  IterationRate rate_;
  std::unique_ptr<Progress> progress_;
};

}  // namespace

void add_report(CLI::App& program, Action& action) {
  auto* command = program.add_subcommand("report", "Write the page of a run anew, or a page that compares runs");
  auto options = std::make_shared<ReportOptions>();
  command->add_option("RUN", options->runs, "Run directories; with several, a comparison is written")->required();
  command->add_option("--out", options->out,
                      "File to write; default: RUN/report.html, for a comparison comparison.html");
  add_output_flags(*command, options->common);
  command->callback([&action, options] { action = [options] { return report_command(*options); }; });
}

void add_runs(CLI::App& program, Action& action) {
  auto* command = program.add_subcommand("runs", "List runs: method, state, best figure, verdict");
  auto common = std::make_shared<Common>();
  auto folder = std::make_shared<std::string>("runs");
  command->add_option("FOLDER", *folder, "Folder of the runs")->capture_default_str();
  add_output_flags(*command, *common);
  command->callback([&action, common, folder] { action = [=] { return runs_command(*folder, *common); }; });
}

void add_watch(CLI::App& program, Action& action) {
  auto* command = program.add_subcommand("watch", "Follow a run that another process trains");
  auto common = std::make_shared<Common>();
  auto folder = std::make_shared<std::string>();
  command->add_option("RUN", *folder, "Run directory")->required();
  add_output_flags(*command, *common);
  command->callback([&action, common, folder] {
    action = [=] {
      watch_signals();
      return RunWatcher(*folder, *common).follow();
    };
  });
}

}  // namespace monge::cli
