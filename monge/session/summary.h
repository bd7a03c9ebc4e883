// The result of a training, as summary.json holds it.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "monge/eval/evaluation.h"
#include "monge/train/trainer.h"

namespace monge::session {

/// The object as JSON text. Bytes that are not UTF-8, which names of files may contain, become U+FFFD.
/// @param indent  spaces per level; -1 puts all on one line.
std::string json_text(const nlohmann::ordered_json& object, int indent = -1);

/// The evaluator's protocol as keys of an object; empty if `evaluator` is null.
nlohmann::ordered_json protocol_json(const eval::ImageEvaluator* evaluator);

/// The same as a line: "evaluated with features inception, features_mode clean, ...; 512 outputs, 400 target samples".
std::string protocol_line(const std::vector<std::pair<std::string, std::string>>& protocol,
                          const eval::Evaluation& evaluation);

/// Whether the map reaches its target: true, false, or null if that is unknown.
nlohmann::ordered_json reaches_target(const eval::Evaluation& evaluation);

/// How a training ended, for its summary.
struct Outcome {
  bool complete = false;
  double seconds = 0;
  std::optional<eval::Evaluation> last = {};        ///< the last evaluation; unset if there was none
  const eval::ImageEvaluator* evaluator = nullptr;  ///< the image evaluator; may be null
};

/// The content of summary.json. The metrics must have been flushed.
nlohmann::ordered_json summary_of(train::Trainer& trainer, const Outcome& outcome);

}  // namespace monge::session
