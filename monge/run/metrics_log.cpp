#include "monge/run/metrics_log.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

namespace monge::run {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kIterationKeys[] = {"iteration", "outer", "step"};

bool is_iteration_or_time(const std::string& key) {
  return std::find(std::begin(kIterationKeys), std::end(kIterationKeys), key) != std::end(kIterationKeys) ||
         key == "time" || key == "seconds";
}

double iteration_of(const Json& line, int64_t line_number) {
  for (const char* key : kIterationKeys) {
    const auto found = line.find(key);
    if (found != line.end() && found->is_number()) return found->get<double>();
  }
  return static_cast<double>(line_number);
}

/// Collects the values of each key into a curve.
class Collector {
 public:
  void start_line(double iteration) {
    iteration_ = iteration;
    if (iteration >= last_iteration_) {  // equal for an evaluation, which follows the line of its iteration
      last_iteration_ = iteration;
      return;
    }
    // The run was resumed from before this iteration, so the lines from this iteration on are superseded.
    for (auto& curve : curves_) {
      const auto keep = std::find_if(curve.x.begin(), curve.x.end(), [&](double x) { return x >= iteration; });
      const auto kept = keep - curve.x.begin();
      curve.x.resize(kept);
      curve.y.resize(kept);
    }
    while (!evaluations_.empty() && static_cast<double>(evaluations_.back().iteration) >= iteration)
      evaluations_.pop_back();
    last_iteration_ = iteration;
  }

  void add_evaluation(const Json& line, const Json& metrics) {
    EvaluationLine out{.iteration = static_cast<int64_t>(iteration_)};
    for (const auto& [name, value] : metrics.items()) {
      if (value.is_number() || value.is_null())
        out.metrics.emplace_back(name, value.is_null() ? NAN : value.get<double>());
    }
    if (const auto verdict = line.find("verdict"); verdict != line.end() && verdict->is_string())
      out.verdict = verdict->get<std::string>();
    if (const auto reaches = line.find("reaches_target"); reaches != line.end() && reaches->is_boolean())
      out.reaches_target = reaches->get<bool>();
    evaluations_.push_back(std::move(out));
  }

  void add(const std::string& key, const Json& value) {
    if (!value.is_number() && !value.is_null()) return;
    const auto [found, is_new] = index_.emplace(key, curves_.size());
    if (is_new) curves_.push_back({.name = key, .x = {}, .y = {}, .dashed = key.ends_with("_floor")});
    auto& curve = curves_[found->second];
    curve.x.push_back(iteration_);
    curve.y.push_back(value.is_null() ? NAN : value.get<double>());
  }

  std::vector<EvaluationLine> take_evaluations() { return std::move(evaluations_); }
  double last_iteration() const { return last_iteration_; }

  std::vector<Curve> take() {
    // A key whose values are all null (unknown) has nothing to show.
    std::erase_if(curves_, [](const Curve& curve) {
      return std::all_of(curve.y.begin(), curve.y.end(), [](double y) { return std::isnan(y); });
    });
    return std::move(curves_);
  }

 private:
  double iteration_ = 0, last_iteration_ = -INFINITY;
  std::vector<Curve> curves_;
  std::vector<EvaluationLine> evaluations_;
  std::map<std::string, size_t> index_;
};

}  // namespace

MetricsLog parse_metrics(std::string_view jsonl) {
  MetricsLog out;
  Collector collector;
  for (int64_t line_number = 1; !jsonl.empty(); ++line_number) {
    const auto end = std::min(jsonl.find('\n'), jsonl.size());
    const auto line = jsonl.substr(0, end);
    jsonl.remove_prefix(std::min(end + 1, jsonl.size()));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const auto json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!json.is_object()) {
      out.rejected.push_back(line_number);
      continue;
    }
    collector.start_line(iteration_of(json, line_number));
    if (const auto seconds = json.find("seconds"); seconds != json.end() && seconds->is_number())
      out.seconds = seconds->get<double>();
    if (const auto evaluation = json.find("eval"); evaluation != json.end() && evaluation->is_object())
      collector.add_evaluation(json, *evaluation);
    for (const auto& [key, value] : json.items()) {
      if (is_iteration_or_time(key)) continue;
      if (!value.is_object()) {
        collector.add(key, value);
        continue;
      }
      for (const auto& [inner, number] : value.items()) collector.add(key + "." + inner, number);
    }
  }
  out.curves = collector.take();
  out.evaluations = collector.take_evaluations();
  out.iterations = static_cast<int64_t>(std::max(collector.last_iteration(), 0.0));
  return out;
}

MetricsLog metrics_of(const std::filesystem::path& run, const Files& files) {
  const auto path = run / "metrics.jsonl";
  return std::filesystem::exists(path) ? parse_metrics(files.read(path)) : MetricsLog();
}

}  // namespace monge::run
