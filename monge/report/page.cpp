#include "monge/report/page.h"

#include <algorithm>
#include <cmath>

#include "monge/core/error.h"
#include "monge/core/file_lock.h"
#include "monge/core/number.h"
#include "monge/core/progress.h"
#include "monge/core/quoting.h"
#include "monge/report/charts.h"
#include "monge/report/data_uri.h"
#include "monge/report/embedded_files.h"
#include "monge/report/findings.h"
#include "monge/report/html.h"
#include "monge/report/sample_views.h"
#include "monge/run/curve_images.h"
#include "monge/train/recipe_changes.h"

namespace monge::report {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

std::string json_text(const ordered_json& json) {
  return json_in_page(json.dump(-1, ' ', false, ordered_json::error_handler_t::replace));
}

/// A whole page. @param data  for the script, as JSON.
std::string document(const std::string& title, const std::string& body, const ordered_json& data) {
  std::string out =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n<title>";
  out += escaped(title) + "</title>\n<style>\n";
  out.append(embedded_file("dygraph.min.css")).append(embedded_file("report.css"));
  out += "</style>\n</head>\n<body>\n<main>\n" + body + "</main>\n<script id=\"page-data\" type=\"application/json\">" +
         json_text(data) + "</script>\n<script>\n";
  out.append(embedded_file("dygraph.min.js")).append("</script>\n<script>\n");
  out.append(embedded_file("report.js")).append("</script>\n</body>\n</html>\n");
  return out;
}

/// Whether the samples are drawn from formulas, so that none are held out.
bool is_endless(const RunRecord& run) {
  return run.data.is_object() && run.data.contains("source") && run.data["source"].is_object() &&
         run.data["source"].value("items", ordered_json()) == 0;
}

const char* class_of(Grade grade) {
  switch (grade) {
    case Grade::good:
      return "good";
    case Grade::near:
      return "near";
    case Grade::bad:
      return "bad";
    case Grade::unknown:
      break;
  }
  return "unknown";
}

/// The way from source to target as a bar.
std::string way_bar(double way) {
  const auto done = percent(way);
  return "<div class=\"way\" role=\"img\" aria-label=\"" + done +
         " of the distance from source to target is gone\">"
         "<span>source</span><div class=\"track\"><div class=\"done\" style=\"width:" +
         number(100 * way, 4) + "%\"></div></div><span>target</span></div>\n<p class=\"small\">" + done +
         " of the distance between source and target is gone. Rough shape and place make most of it, so look at the "
         "error "
         "over its floor and at the samples, too.</p>\n";
}

std::string verdict_box(const Findings& findings) {
  auto out = element("p", escaped(findings.verdict), "verdict");
  if (!findings.measured.empty()) out += element("p", escaped(findings.measured));
  if (findings.way) out += way_bar(*findings.way);
  return "<div class=\"box " + std::string(class_of(findings.grade)) + "\">\n" + out + "</div>\n";
}

std::string fact_cards(const std::vector<Fact>& facts) {
  if (facts.empty()) return {};
  std::string out = "<dl class=\"cards\">\n";
  for (const auto& fact : facts) {
    out += "<div><dt>" + escaped(fact.label) + "</dt><dd>" + escaped(fact.value) +
           (fact.note.empty() ? "" : "<small>" + escaped(fact.note) + "</small>") + "</dd></div>\n";
  }
  return out + "</dl>\n";
}

std::string list_of(const std::vector<std::string>& lines) {
  std::string out = "<ul>\n";
  for (const auto& line : lines) out += "<li>" + escaped(line) + "</li>\n";
  return out + "</ul>\n";
}

/// What should change, and what the log warned of.
std::string warnings_part(const Findings& findings, const RunRecord& run) {
  std::string out;
  if (!findings.warnings.empty()) {
    out += list_of(findings.warnings);
  } else if (findings.grade == Grade::good) {
    out += "<p>Nothing stands out.</p>\n";
  }
  std::vector<std::string> logged;
  for (const auto& warning : run.warnings) {
    if (!warning.starts_with("the map MISSES")) logged.push_back(warning);  // the verdict and its advice stand above
  }
  constexpr size_t kFew = 3;
  if (logged.size() > kFew) {
    out += folded(text("Warnings of the log (", logged.size(), ")"), list_of(logged));
  } else if (!logged.empty()) {
    out += "<p>Warnings of the log:</p>\n" + list_of(logged);
  }
  return out.empty() ? "" : section("change", "What should change?", out);
}

/// The names of the two axes of a scatter plot.
std::string axes_of(const ordered_json& points) {
  const auto first = points["axes"][0].get<std::string>(), second = points["axes"][1].get<std::string>();
  return escaped(second.empty() ? first : first + " and " + second);
}

std::string samples_part(const ordered_json& samples, bool endless) {
  if (samples.is_null()) return {};
  const auto& newest = samples["steps"].back();
  const auto iteration = grouped(newest["iteration"].get<int64_t>());
  const auto at = ", at iteration <span class=\"step\">" + iteration + "</span>.</p>\n";
  std::string out = "<div id=\"samples\">\n<div class=\"controls\" hidden></div>\n";
  if (samples["kind"] == "images") {
    out += "<div class=\"beside\"><figure><img src=\"" + newest["image"].get<std::string>() +
           "\" alt=\"A row for each input: the input, then its outputs, at iteration " + iteration +
           "\"><figcaption>In each row on the left an input that was not trained on, then its "
           "outputs.</figcaption></figure>\n";
    if (samples.contains("target")) {
      out += "<figure class=\"target\"><img src=\"" + samples["target"].get<std::string>() +
             "\" alt=\"Samples of the target\"><figcaption>Samples of the target, which outputs should look "
             "like.</figcaption></figure>\n";
    }
    out += "</div>\n<p class=\"small\">Inputs and outputs" + at;
  } else {
    out +=
        "<figure><canvas role=\"img\" aria-label=\"Scatter plot of source, target and outputs\"></canvas></figure>\n"
        "<p class=\"small\">" +
        std::string(endless ? "Fresh" : "Held-out") + " samples in the plane of " + axes_of(newest) + at +
        "<noscript><p>The plots are in the folder samples.</p></noscript>\n";
  }
  return section("outputs", samples["kind"] == "images" ? "Inputs and outputs" : "Source, target and outputs",
                 out + "</div>\n");
}

std::string charts_part(const Charts& charts) {
  std::string out =
      "<noscript><p>The curves are images in the folder curves.</p></noscript>\n<div id=\"charts\"></div>\n";
  if (!charts.constants.empty()) {
    std::string constants;
    for (const auto& constant : charts.constants)
      constants += (constants.empty() ? "" : ", ") + escaped(constant.figure.title) + " " + number(constant.value);
    out += "<p class=\"small\">Constant throughout: " + constants + ".</p>\n";
  }
  return section("curves", "Curves", out);
}

std::string data_part(const RunRecord& run) {
  if (!run.data.is_object()) return {};
  std::vector<std::vector<std::string>> rows;
  std::string details;
  for (const char* side : {"source", "target"}) {
    if (!run.data.contains(side) || !run.data[side].is_object()) continue;
    const auto& record = run.data[side];
    const auto count = [&](const char* key) {
      return record.contains(key) && record[key].is_number() ? grouped(record[key].get<int64_t>()) : std::string("-");
    };
    const auto name = record.contains("name") && record["name"].is_string() ? record["name"].get<std::string>() : "?";
    const auto items = count("items");
    const auto extents = item_shape(run, side);
    std::string shape = extents.size() == 1 ? text(extents[0], extents[0] == 1 ? " column" : " columns") : "";
    if (extents.size() == 3) shape = text(extents[2], " x ", extents[1], extents[0] == 1 ? ", grey" : ", colour");
    rows.push_back({side, escaped(short_name(name)), items == "0" ? "endless" : items, count("held_out"),
                    escaped(shape), count("left_out"), count("converted")});
    std::vector<std::string> lines;
    for (const auto& line : record.value("noticed", ordered_json::array()))
      if (line.is_string()) lines.push_back(line.get<std::string>());
    constexpr size_t kMostFiles = 50;
    for (const auto& file : record.value("left_out_files", ordered_json::array())) {
      if (lines.size() >= kMostFiles) break;
      lines.push_back("left out: " + (file.is_string()
                                          ? file.get<std::string>()
                                          : file.dump(-1, ' ', false, ordered_json::error_handler_t::replace)));
    }
    if (!lines.empty()) details += folded(text("Notes on the ", side), list_of(lines));
  }
  return section(
      "data", "Data",
      table("Both sides", {"side", "samples of", "training items", "held out", "shape", "left out", "converted"}, rows,
            /*stacks=*/true) +
          details);
}

std::string recipe_part(const RunRecord& run) {
  if (run.recipe_text.empty()) return {};
  std::string out;
  if (run.recipe) {
    std::vector<std::vector<std::string>> rows;
    for (const auto& change : train::changes_from_defaults(*run.recipe))
      rows.push_back({"<code>" + escaped(change.key) + "</code>", "<code>" + escaped(change.values.at(0)) + "</code>",
                      "<code>" + escaped(change.standard) + "</code>",
                      escaped(change.key.ends_with(".path") ? "the data" : change.help)});
    out += table("Differences from the defaults", {"key", "value", "default", "meaning"}, rows, /*stacks=*/true);
  }
  return section("recipe", "Recipe: differences from the defaults",
                 out + folded("The whole recipe", "<pre tabindex=\"0\">" + escaped(run.recipe_text) + "</pre>\n"));
}

std::string environment_part(const RunRecord& run) {
  std::string out;
  if (run.environment.is_object()) {
    std::vector<std::vector<std::string>> rows;
    for (const auto& [key, value] : run.environment.items())
      rows.push_back({escaped(key),
                      escaped(value.is_string() ? value.get<std::string>()
                                                : value.dump(-1, ' ', false, ordered_json::error_handler_t::replace))});
    out += table("Versions and machine", {}, rows);
  }
  const auto run_name = shell_quoted(run.folder.string());
  out +=
      "<p>Train it again, with equal results on the same machine; apply it; continue it for longer:</p>\n<pre "
      "tabindex=\"0\">" +
      escaped("monge train " + shell_quoted((run.folder / "recipe.toml").string()) + "\nmonge translate " + run_name +
              " INPUT OUTPUT\nmonge resume " + run_name +
              " --set train.iterations=" + std::to_string(2 * std::max<int64_t>(run.iterations_wanted(), 1))) +
      "</pre>\n";
  return section("reproduce", "Environment and commands", out);
}

std::string glossary_part(const std::vector<RunRecord>& runs) {
  std::vector<std::string> seen;
  std::string out = "<dl>\n";
  for (const auto& run : runs) {
    for (const auto& curve : run.metrics.curves) {
      const auto figure = figure_of(curve.name);
      if (figure.meaning.empty() || std::find(seen.begin(), seen.end(), figure.name) != seen.end()) continue;
      seen.push_back(figure.name);
      out += "<dt>" + escaped(figure.title) + " <code>" + escaped(figure.name) + "</code></dt><dd>" +
             escaped(figure.meaning) + "</dd>\n";
    }
  }
  return seen.empty() ? "" : section("glossary", "Glossary", folded("What each figure means", out + "</dl>\n"));
}

/// The figures of the last evaluation, and those of the best one if it is another.
std::string figures_part(const RunRecord& run) {
  const auto *last = run.last_evaluation(), *best = run.best_evaluation();
  if (!last) return {};
  const bool two = best && best != last;
  std::vector<std::vector<std::string>> rows;
  for (const auto& [name, value] : last->metrics) {
    rows.push_back({escaped(figure_of("eval." + name).title), number(value, 5)});
    if (two) rows.back().push_back(number(value_of(*best, name), 5));
  }
  std::vector<std::string> header{"figure", "iteration " + grouped(last->iteration)};
  if (two) header.push_back("best, iteration " + grouped(best->iteration));
  return folded("All figures of the evaluation", table("Figures", header, rows));
}

}  // namespace

std::string run_page(const RunRecord& run, const Files& files) {
  const auto findings = findings_of(run);
  const auto samples = sample_views(run, files);
  const auto charts = charts_of(run.metrics.curves);
  std::string body = "<header>\n<h1>" + escaped(run.name) + "</h1>\n" + element("p", escaped(findings.learned)) +
                     element("p", escaped(findings.purpose), "small") +
                     element("p", escaped(findings.progress), "small") + "</header>\n";
  body += section("answer", "Did it work?", verdict_box(findings) + fact_cards(findings.facts));
  body += warnings_part(findings, run) + samples_part(samples, is_endless(run));
  body += run.metrics.curves.empty() ? section("curves", "Curves", "<p>No metrics were recorded yet.</p>\n")
                                     : charts_part(charts) + figures_part(run);
  body += data_part(run) + recipe_part(run) + environment_part(run) + glossary_part({run});
  return document(run.name, body, {{"charts", charts.groups}, {"samples", samples}});
}

std::string comparison_page(const std::vector<RunRecord>& runs, const Files& files) {
  std::vector<std::string> header{"figure"};
  std::vector<Findings> findings;
  std::vector<std::pair<std::string, std::vector<run::Curve>>> curves;
  std::string names, samples;
  for (const auto& run : runs) {
    auto label = run.name;  // runs of different folders may have one name
    for (int copy = 2;
         std::any_of(curves.begin(), curves.end(), [&](const auto& other) { return other.first == label; }); ++copy)
      label = run.name + " (" + std::to_string(copy) + ")";
    header.push_back(escaped(label));
    names += (names.empty() ? "" : ", ") + label;
    findings.push_back(findings_of(run));
    curves.emplace_back(label, run.metrics.curves);
    const auto views = sample_views(run, files);
    if (views.is_object() && views["kind"] == "images")
      samples += "<figure><img src=\"" + views["steps"].back()["image"].get<std::string>() +
                 "\" alt=\"Inputs and outputs of " + escaped(label) + "\"><figcaption>" + escaped(label) +
                 "</figcaption></figure>\n";
  }
  std::vector<std::vector<std::string>> rows;
  const auto row = [&](const std::string& title, const auto& cell_of) {
    rows.push_back({title});
    for (size_t i = 0; i < runs.size(); ++i) rows.back().push_back(cell_of(i));
  };
  row("verdict", [&](size_t i) {
    return "<span class=\"tag " + std::string(class_of(findings[i].grade)) + "\">" + escaped(findings[i].verdict) +
           "</span>";
  });
  row("state", [&](size_t i) { return escaped(findings[i].progress); });
  std::vector<std::string> metrics;
  for (const auto& run : runs) {
    if (const auto* last = run.last_evaluation())
      for (const auto& entry : last->metrics)
        if (std::find(metrics.begin(), metrics.end(), entry.first) == metrics.end()) metrics.push_back(entry.first);
  }
  for (const auto& metric : metrics) {
    row(escaped(figure_of("eval." + metric).title), [&](size_t i) {
      const auto* last = runs[i].last_evaluation();
      const double value = last ? value_of(*last, metric) : NAN;
      return std::isfinite(value) ? number(value, 5) : std::string("-");
    });
  }
  std::vector<std::optional<train::Recipe>> recipes;
  for (const auto& run : runs) recipes.push_back(run.recipe);
  std::vector<std::vector<std::string>> differences;
  for (const auto& change : train::differences_between(recipes)) {
    differences.push_back({"<code>" + escaped(change.key) + "</code>"});
    for (const auto& value : change.values) differences.back().push_back("<code>" + escaped(value) + "</code>");
  }
  auto key_header = header;
  key_header[0] = "key";
  const auto charts = charts_of(curves);
  std::string body = "<header>\n<h1>Comparison of " + std::to_string(runs.size()) + " runs</h1>\n" +
                     element("p", escaped(names)) + "</header>\n";
  body += section("figures", "Figures of the last evaluation", table("Figures of the runs", header, rows));
  body += section("differences", "What differs",
                  differences.empty() ? "<p>The recipes are equal.</p>\n"
                                      : table("Differences of the recipes", key_header, differences));
  if (!samples.empty())
    body +=
        section("outputs", "Inputs and outputs, last step", "<div class=\"side-by-side\">\n" + samples + "</div>\n");
  body += charts_part(charts) + glossary_part(runs);
  return document("Comparison of " + names, body, {{"charts", charts.groups}, {"samples", nullptr}});
}

void write_report(const RunRecord& run, const Files& files) {
  // A training and a command may write the page of a run at one time.
  const auto lock = FileLock::wait(run.folder, FileLock::On::folder);
  files.replace(run.folder / "report.html", run_page(run, files));
  run::write_curve_images(run.folder, run.metrics.curves, files);
}

void write_report(const fs::path& folder, const Files& files) { write_report(read_run(folder, files), files); }

void write_comparison(const std::vector<fs::path>& folders, const fs::path& page, const Files& files) {
  std::vector<RunRecord> runs;
  for (const auto& folder : folders) runs.push_back(read_run(folder, files));
  files.replace(page, comparison_page(runs, files));
}

}  // namespace monge::report
