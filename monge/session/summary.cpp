#include "monge/session/summary.h"

#include "monge/core/error.h"
#include "monge/eval/metrics.h"
#include "monge/run/second_half.h"

namespace monge::session {
namespace {

using nlohmann::ordered_json;

/// {"source": [...], "target": [...]}: names of columns, or numbers (from 0) if a table has no names.
ordered_json lost_columns_json(const train::TrainingData& data) {
  const auto side = [](const data::Source& source, const std::vector<int64_t>& columns) {
    const auto names = source.table_names().columns;
    auto out = ordered_json::array();
    for (const int64_t k : columns) {
      out.push_back(names.empty() ? ordered_json(k) : ordered_json(names.at(static_cast<size_t>(k))));
    }
    return out;
  };
  return {{"source", side(*data.source, data.lost.source)}, {"target", side(*data.target, data.lost.target)}};
}

}  // namespace

std::string json_text(const ordered_json& object, int indent) {
  return object.dump(indent, ' ', /*ensure_ascii=*/false, ordered_json::error_handler_t::replace);
}

ordered_json protocol_json(const eval::ImageEvaluator* evaluator) {
  ordered_json out = ordered_json::object();
  if (!evaluator) return out;
  for (const auto& [key, value] : evaluator->protocol()) out[key] = value;
  return out;
}

std::string protocol_line(const std::vector<std::pair<std::string, std::string>>& protocol,
                          const eval::Evaluation& evaluation) {
  std::string out = "evaluated with";
  const char* before = " ";
  for (const auto& [key, value] : protocol) {
    out += before + key + " " + value;
    before = ", ";
  }
  return out + text("; ", evaluation.samples, " outputs, ", evaluation.target_samples, " target samples");
}

ordered_json reaches_target(const eval::Evaluation& evaluation) {
  const auto verdict = evaluation.target_verdict();
  if (verdict == eval::TargetVerdict::unknown) return {};
  return verdict == eval::TargetVerdict::reached;
}

ordered_json summary_of(train::Trainer& trainer, const Outcome& outcome) {
  const auto& data = trainer.data();
  ordered_json summary{
      {"run", trainer.folder().string()},
      {"complete", outcome.complete},
      {"iterations", trainer.done()},
      {"of", trainer.recipe().train.iterations},
      {"ranks", trainer.group().size()},
      {"ended_early", nullptr},
      {"seconds", outcome.seconds},
      {"data_wait", outcome.seconds > 0 ? trainer.data_wait() / outcome.seconds : 0},
      {"left_out", data.source->open_report().left_out.size() + data.target->open_report().left_out.size()},
      {"best_iteration", nullptr},
      {"best_figure", trainer.recipe().eval.best},
      {"best_value", nullptr}};
  if (data.lost.any()) summary["lost_columns"] = lost_columns_json(data);
  if (!trainer.interventions().empty()) summary["rollbacks"] = train::to_json(trainer.interventions());
  if (!trainer.early_end().empty()) summary["ended_early"] = trainer.early_end();
  if (trainer.best_metric()) {
    summary["best_iteration"] = trainer.best_iteration();
    summary["best_value"] = *trainer.best_metric();
  }
  if (outcome.last) {
    for (const auto& [name, value] : outcome.last->named()) summary[name] = value;
    summary["samples"] = outcome.last->samples;
    summary["target_samples"] = outcome.last->target_samples;
    summary.update(protocol_json(outcome.evaluator));
    summary["reaches_target"] = reaches_target(*outcome.last);
    summary["verdict"] = "the map " + outcome.last->verdict();
  }
  for (const auto& span : run::second_half(run::metrics_of(trainer.folder()), trainer.done(), eval::is_distance)) {
    summary["second_half"][span.name] = {{"best", span.best}, {"last", span.last}, {"worst", span.worst}};
  }
  return summary;
}

}  // namespace monge::session
