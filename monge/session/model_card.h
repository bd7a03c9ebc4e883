// What there is to know about a model before using it: its card.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>

#include "monge/eval/evaluation.h"
#include "monge/model/evaluation_record.h"
#include "monge/model/model.h"

namespace monge::session {

/// The record of the model's evaluation: that of its file, or for a run directory or checkpoint what the run measured
/// at the iteration of the checkpoint, with the run's sample image of that iteration. Nothing if there is none.
std::optional<model::EvaluationRecord> evaluation_of(const model::Model& model);

/// The record of an evaluation, with the sample image of its iteration from a run directory (empty: none).
model::EvaluationRecord record_of(const eval::Evaluation& evaluation, const train::Recipe& recipe,
                                  const std::filesystem::path& run, int64_t iteration);

/// The model as it is written to a file: with the record of its evaluation, and its recipe amended by "KEY=VALUE"
/// assignments. @throws InputError as model::amend_recipe.
model::Model with_card(model::Model model, const std::vector<std::string>& assignments);

/// The card: the texts of the recipe's [card]; the training (method, iterations, sizes, nets); the protocol and the
/// metrics of `evaluation`. Keys without a value are null.
///
///     name, title, description, licence, credit, source {data, licence}, target {data, licence},
///     method, net, parameters, iterations, item_shape, stochastic, has_inverse, any_size,
///     protocol {samples, holdout, source, target, features, lpips: texts}, metrics {...}, reaches_target, verdict
nlohmann::ordered_json model_card(const model::Model& model, const std::optional<model::EvaluationRecord>& evaluation);

}  // namespace monge::session
