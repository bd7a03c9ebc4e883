#include "monge/run/report.h"

#include <algorithm>
#include <cmath>

#include "monge/core/error.h"
#include "monge/core/number.h"
#include "monge/run/axis.h"

namespace monge::run {
namespace {

constexpr const char* kStyle = R"(
body { font: 15px/1.5 sans-serif; color: #222; background: #fff; max-width: 1040px; margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.6em; } h2 { font-size: 1.15em; margin-top: 2em; border-bottom: 1px solid #ddd; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .15em .9em; text-align: right; border-bottom: 1px solid #eee; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
.plots { display: flex; flex-wrap: wrap; gap: 12px; }
svg { max-width: 100%; height: auto; }
figure { margin: 0 0 1.5em; } figure img { max-width: 100%; image-rendering: pixelated; border: 1px solid #ddd; }
figcaption { color: #666; font-size: .9em; }
pre { background: #f6f6f6; padding: 1em; overflow-x: auto; }
.note { color: #a33; }
)";

/// A path as the target of a link, with special bytes as %XX.
std::string link_of(const std::string& path) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || std::string_view("-_.~/").find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += {'%', digits[byte >> 4], digits[byte & 15]};
    }
  }
  return out;
}

/// The chart that shows a key: "target_error" for "target_error", "target_floor" and "target_error_floor".
std::string chart_of(const std::string& key, const std::vector<Curve>& curves) {
  static constexpr std::string_view floor = "_floor";
  if (!key.ends_with(floor)) return key;
  const auto base = key.substr(0, key.size() - floor.size());
  for (const auto& curve : curves) {
    if (curve.name == base || curve.name == base + "_error") return curve.name;
  }
  return key;
}

/// Whether a logarithmic axis fits: for positive values over more than three powers of ten.
bool wants_log(const std::vector<Curve>& curves) {
  double least = INFINITY, most = -INFINITY;
  for (const auto& curve : curves) {
    for (const double y : curve.y) {
      if (!std::isfinite(y)) continue;
      least = std::min(least, y);
      most = std::max(most, y);
    }
  }
  return least > 0 && most > 1e3 * least;
}

/// Name and SVG of each chart; its name is that of its first curve.
std::vector<std::pair<std::string, std::string>> charts(const std::vector<Curve>& curves) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& leader : curves) {
    if (chart_of(leader.name, curves) != leader.name) continue;
    std::vector<Curve> together = {leader};
    for (const auto& curve : curves) {
      if (curve.name != leader.name && chart_of(curve.name, curves) == leader.name) together.push_back(curve);
    }
    out.emplace_back(leader.name, curves_svg(together, {.title = leader.name,
                                                        .x_label = "iteration",
                                                        .y_label = "",
                                                        .width = 500,
                                                        .height = 260,
                                                        .log_y = wants_log(together)}));
  }
  return out;
}

std::string plots(const std::vector<Curve>& curves) {
  std::string out;
  for (const auto& chart : charts(curves)) out += chart.second;
  return out;
}

/// The name of a metric as the name of a file.
std::string file_name(std::string name) {
  std::replace_if(
      name.begin(), name.end(),
      [](char c) { return !std::isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '.'; }, '_');
  return name;
}

std::string metrics_table(const std::vector<Curve>& curves) {
  std::string out =
      "<table>\n<tr><th>metric</th><th>first</th><th>last</th><th>least</th><th>at</th><th>most</th><th>at</th></tr>\n";
  for (const auto& curve : curves) {
    size_t first = curve.y.size(), last = 0, least = 0, most = 0;
    for (size_t i = 0; i < curve.y.size(); ++i) {
      if (std::isnan(curve.y[i])) continue;
      if (first == curve.y.size()) first = least = most = i;
      last = i;
      if (curve.y[i] < curve.y[least]) least = i;
      if (curve.y[i] > curve.y[most]) most = i;
    }
    if (first == curve.y.size()) continue;
    out += "<tr><td>" + escaped(curve.name) + "</td>";
    for (const double value :
         {curve.y[first], curve.y[last], curve.y[least], curve.x[least], curve.y[most], curve.x[most]}) {
      out += "<td>" + number(value, 6) + "</td>";
    }
    out += "</tr>\n";
  }
  return out + "</table>\n";
}

/// What the metrics say that have a right value. This room knows metrics by name alone.
std::string notes_on(const std::vector<Curve>& curves) {
  constexpr double kGrainFrom = 1.5;  // as in monge/eval/texture.h
  bool texture = false, grain = false, shift = false;
  for (const auto& curve : curves) {
    const auto last = std::find_if(curve.y.rbegin(), curve.y.rend(), [](double y) { return std::isfinite(y); });
    if (last == curve.y.rend()) continue;
    const bool is_texture = curve.name.ends_with("texture_luma") || curve.name.ends_with("texture_chroma");
    texture |= is_texture;
    grain |= is_texture && *last > kGrainFrom;
    shift |= curve.name.ends_with("background_shift") || curve.name.ends_with("luma_shift");
  }
  std::string out;
  if (texture) {
    out +=
        "<p>texture_luma and texture_chroma: energy of the finest detail of the outputs, over that of the target. 1 is "
        "right, less is blur, more than 1.5 is grain or a checkerboard.</p>\n";
  }
  if (grain) out += "<p class=\"note\">The last outputs have grain: a texture is above 1.5.</p>\n";
  if (shift) {
    out +=
        "<p>background_shift and luma_shift: change of pixels that are white in the input, and of the luma, in levels "
        "of 0 to 255. 0 is right where the map should do nothing but colour.</p>\n";
  }
  return out;
}

std::string images(const std::vector<std::string>& samples) {
  std::string out;
  for (auto sample = samples.rbegin(); sample != samples.rend(); ++sample) {
    const auto name = escaped(*sample), link = link_of(*sample);
    out += "<figure><a href=\"" + link + "\"><img loading=\"lazy\" src=\"" + link + "\" alt=\"" + name +
           "\"></a><figcaption>" + name + "</figcaption></figure>\n";
  }
  return out;
}

std::vector<std::string> sample_names(const std::filesystem::path& run) {
  std::vector<std::string> out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(run / "samples", error)) {
    if (entry.path().extension() == ".png") out.push_back("samples/" + entry.path().filename().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

std::string report_html(const ReportContent& content) {
  const auto log = parse_metrics(content.metrics);
  const auto title = escaped(content.title);
  std::string out = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>" + title +
                    "</title>\n<style>" + kStyle + "</style>\n</head>\n<body>\n<h1>" + title + "</h1>\n";
  if (!log.rejected.empty()) {
    out += text("<p class=\"note\">", log.rejected.size(),
                " line(s) of metrics.jsonl could not be read; the first is line ", log.rejected.front(), ".</p>\n");
  }
  if (!log.curves.empty()) {
    out += "<h2>Metrics</h2>\n" + metrics_table(log.curves) + notes_on(log.curves);
    out += "<h2>Curves</h2>\n<div class=\"plots\">\n" + plots(log.curves) + "</div>\n";
  } else {
    out += "<p>No metrics were recorded yet.</p>\n";
  }
  if (!content.samples.empty()) out += "<h2>Images</h2>\n" + images(content.samples);
  if (!content.recipe.empty()) out += "<h2>Recipe</h2>\n<pre>" + escaped(content.recipe) + "</pre>\n";
  return out + "</body>\n</html>\n";
}

MetricsLog metrics_of(const std::filesystem::path& run, const Files& files) {
  const auto path = run / "metrics.jsonl";
  return std::filesystem::exists(path) ? parse_metrics(files.read(path)) : MetricsLog();
}

void write_report(const std::filesystem::path& run, const Files& files) {
  require(std::filesystem::is_directory(run), run.string(),
          ": not a folder; name the folder of a run, for example runs/00007-NAME");
  const auto text_of = [&](const char* name) {
    return std::filesystem::exists(run / name) ? files.read(run / name) : std::string();
  };
  const auto name = std::filesystem::absolute(run).lexically_normal();
  const auto html = report_html({.title = (name.has_filename() ? name : name.parent_path()).filename().string(),
                                 .metrics = text_of("metrics.jsonl"),
                                 .recipe = text_of("recipe.toml"),
                                 .samples = sample_names(run)});
  files.replace(run / "report.html", html);
  const auto log = metrics_of(run, files);
  if (!log.curves.empty()) make_writable_folder(run / "curves");
  for (const auto& [curve, svg] : charts(log.curves)) files.replace(run / "curves" / (file_name(curve) + ".svg"), svg);
}

}  // namespace monge::run
