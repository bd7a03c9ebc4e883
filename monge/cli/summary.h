// What a training came to: summary.json, and the same for people.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "monge/eval/evaluation.h"
#include "monge/train/trainer.h"

namespace monge::cli {

/// The judge's protocol as keys of an object; empty where there is no judge.
nlohmann::ordered_json protocol_json(const eval::ImageEvaluator* judge);

/// The same as a line: "judged by features inception, features_mode clean, ...; 512 outputs, 400 target samples".
std::string judged_by(const eval::ImageEvaluator& judge, const eval::Evaluation& evaluation);

/// Whether the map reaches its target: true, false, or null where that cannot be judged.
nlohmann::ordered_json reaches_target(const eval::Evaluation& evaluation);

struct Outcome {
  bool complete = false;
  double seconds = 0;
  std::optional<eval::Evaluation> last;  ///< the last evaluation; none when nothing was evaluated
  const eval::ImageEvaluator* judge = nullptr;
};

/// The content of summary.json. The metrics must have been flushed.
nlohmann::ordered_json summary_of(train::Trainer& trainer, const Outcome& outcome);

/// A few lines on stdout, at the end of a complete run.
void print_summary(const train::Trainer& trainer, const Outcome& outcome);

}  // namespace monge::cli
