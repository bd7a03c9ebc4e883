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
  end_on_signals();
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
  for (auto& row : rows)
    for (auto& cell : row) cell = printable(cell);
  for (const auto& row : rows)
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i)
      std::cout << row[i] << (i + 1 < row.size() ? std::string(widths[i] - row[i].size() + 2, ' ') : "\n");
  }
  std::cout << std::flush;
  return kDone;
}

/// Prints what happens in a run until it ends. It only reads files, so a signal may end it at any time.
class RunWatcher {
 public:
  RunWatcher(fs::path folder, const Common& common)
      : folder_(std::move(folder)),
        common_(common),
        metrics_(folder_ / "metrics.jsonl", kFirstBytes),
        log_(folder_ / "log.txt"),
        run_(report::read_run_without_metrics(folder_)),
        progress_(std::cerr, progress_style(common_), "training", std::max<int64_t>(run_.iterations_wanted(), 1)) {}

  /// Follows the run to its end.
  void follow() {
    constexpr auto kPause = std::chrono::milliseconds(300);
    log_.poll();  // what is there already is the past
    for (;;) {
      // Read before the files, so that nothing is missed of a run that has just ended.
      const bool running = report::read_run_without_metrics(folder_).state == report::RunState::running;
      show_log();
      show_metrics();
      if (!running) break;
      std::this_thread::sleep_for(kPause);
    }
    progress_.finish();
    conclude();
  }

 private:
  static constexpr int64_t kFirstBytes = 1 << 20;  // the end of a long file tells where the training is

  void show_log() {
    for (const auto& line : log_.poll().lines) {
      if (common_.quiet && line.find(" warning: ") == std::string::npos) continue;
      progress_.finish();
      std::cerr << printable(line) << std::endl;
    }
  }

  void show_metrics() {
    const auto news = metrics_.poll();
    if (news.lines.empty()) return;
    std::string lines;
    for (const auto& line : news.lines) lines.append(line).append("\n");
    const auto log = run::parse_metrics(lines);
    if (!log.evaluations.empty()) target_ = target_text(report::decisive_errors(log.evaluations.back()));
    rate_.add(log.seconds, log.iterations);
    if (!run_.data.is_object()) run_ = report::read_run_without_metrics(folder_);  // a run that had just begun
    const auto samples = run_.recipe ? run_.recipe->train.batch * run_.recipe->train.k_t : 0;
    const auto rate = rate_.text(samples, report::is_of_images(run_) ? "images" : "rows");
    progress_.update(log.iterations, target_ + (target_.empty() || rate.empty() ? "" : "  ") + rate);
  }

  void conclude() {
    const auto run = report::read_run(folder_);
    const auto findings = report::findings_of(run);
    if (common_.json) {
      print_json(json_of(report::summary_of(run)));
    } else if (!common_.quiet) {
      std::cout << printable(findings.progress + "\n" + findings.verdict) << ".\nreport  "
                << (folder_ / "report.html").string() << std::endl;
    }
  }

  fs::path folder_;
  Common common_;
  FileTail metrics_, log_;
  report::RunRecord run_;
  std::string target_;
  IterationRate rate_;
  Progress progress_;
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
      RunWatcher(*folder, *common).follow();
      return int{kDone};
    };
  });
}

}  // namespace monge::cli
