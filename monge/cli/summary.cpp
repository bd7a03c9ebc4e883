#include "monge/cli/summary.h"

#include <cmath>
#include <iostream>

#include "monge/core/error.h"
#include "monge/core/number.h"
#include "monge/core/shell.h"
#include "monge/run/second_half.h"

namespace monge::cli {

using nlohmann::ordered_json;

ordered_json protocol_json(const eval::ImageEvaluator* judge) {
  ordered_json out = ordered_json::object();
  if (!judge) return out;
  for (const auto& [key, value] : judge->protocol()) out[key] = value;
  return out;
}

std::string judged_by(const eval::ImageEvaluator& judge, const eval::Evaluation& evaluation) {
  std::string out = "judged by";
  const char* before = " ";
  for (const auto& [key, value] : judge.protocol()) {
    out += before + key + " " + value;
    before = ", ";
  }
  return out + text("; ", evaluation.samples, " outputs, ", evaluation.target_samples, " target samples");
}

ordered_json reaches_target(const eval::Evaluation& evaluation) {
  const auto reach = evaluation.target_verdict();
  return reach == eval::TargetVerdict::unknown ? ordered_json() : ordered_json(reach == eval::TargetVerdict::reached);
}

/// {"source": [...], "target": [...]}: names, or numbers (from 0) where a table has no names.
static ordered_json lost_columns_of(const train::TrainingData& data) {
  const auto side = [](const data::Source& source, const std::vector<int64_t>& columns) {
    const auto names = source.table_names().columns;
    auto out = ordered_json::array();
    for (const int64_t k : columns)
      out.push_back(names.empty() ? ordered_json(k) : ordered_json(names.at(static_cast<size_t>(k))));
    return out;
  };
  return {{"source", side(*data.source, data.lost.source)}, {"target", side(*data.target, data.lost.target)}};
}

ordered_json summary_of(train::Trainer& trainer, const Outcome& outcome) {
  ordered_json summary{{"run", trainer.folder().string()},
                       {"complete", outcome.complete},
                       {"iterations", trainer.done()},
                       {"of", trainer.recipe().train.iterations},
                       {"ranks", trainer.group() ? trainer.group()->size() : int64_t{1}},
                       {"ended_early", nullptr},
                       {"seconds", outcome.seconds},
                       {"data_wait", outcome.seconds > 0 ? trainer.data_wait() / outcome.seconds : 0},
                       {"left_out", trainer.data().source->open_report().left_out.size() +
                                        trainer.data().target->open_report().left_out.size()},
                       {"best_iteration", nullptr},
                       {"best_figure", trainer.recipe().eval.best},
                       {"best_value", nullptr}};
  if (trainer.data().lost.any()) summary["lost_columns"] = lost_columns_of(trainer.data());
  if (!trainer.early_end().empty()) summary["ended_early"] = trainer.early_end();
  if (trainer.best_figure()) {
    summary["best_iteration"] = trainer.best_iteration();
    summary["best_value"] = *trainer.best_figure();
  }
  if (outcome.last) {
    for (const auto& [name, value] : outcome.last->named()) summary[name] = value;
    summary["samples"] = outcome.last->samples;
    summary["target_samples"] = outcome.last->target_samples;
    summary.update(protocol_json(outcome.judge));
    summary["reaches_target"] = reaches_target(*outcome.last);
    summary["verdict"] = "the map " + outcome.last->verdict();
  }
  for (const auto& span : run::second_half(run::metrics_of(trainer.folder()), trainer.done())) {
    summary["second_half"][span.name] = {{"best", span.best}, {"last", span.last}, {"worst", span.worst}};
  }
  return summary;
}

void print_summary(const train::Trainer& trainer, const Outcome& outcome) {
  const auto& folder = trainer.folder();
  std::cout << "run        " << folder.string() << "\n";
  if (outcome.last) {
    const auto& last = *outcome.last;
    std::cout << "target     error " << number(last.target_error) << ", floor " << number(last.target_floor)
              << " (energy distance, " << last.samples << " held-out samples)\n";
    if (std::isfinite(last.feature_error)) {
      std::cout << "features   error " << number(last.feature_error) << ", floor " << number(last.feature_floor)
                << " (the same of random convolution features)\n";
    }
    for (const auto& [name, value] : last.judged) {
      std::cout << name << std::string(name.size() < 11 ? 11 - name.size() : 1, ' ') << number(value) << "\n";
    }
    if (outcome.judge) std::cout << judged_by(*outcome.judge, last) << "\n";
    std::cout << "verdict    the map " << last.verdict() << "\ncost       " << number(last.cost) << "\n";
  }
  std::cout << "report     " << (folder / "report.html").string() << "\nuse it     monge translate "
            << shell_quoted(folder.string()) << " INPUT OUTPUT" << std::endl;
}

}  // namespace monge::cli
