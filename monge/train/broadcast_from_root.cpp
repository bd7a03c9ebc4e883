#include "monge/train/broadcast_from_root.h"

#include <nlohmann/json.hpp>

#include "monge/core/error.h"
#include "monge/io/safetensors.h"

namespace monge::train {

std::optional<data::Standardisation> broadcast_from_root(dist::ProcessGroup& group,
                                                         const std::optional<data::Standardisation>& standardisation) {
  if (group.size() == 1) return standardisation;
  io::TensorFile file;
  if (group.is_root() && standardisation) file.tensors = data::tensors_of(*standardisation);
  auto sent = io::parse_safetensors(group.broadcast(io::safetensors_bytes(file)), "data from rank 0").tensors;
  return data::take_standardisation(sent, "data from rank 0");
}

Checkpoint broadcast_from_root(dist::ProcessGroup& group, std::optional<Checkpoint> checkpoint) {
  if (group.size() == 1) return std::move(checkpoint.value());
  nlohmann::json fields;
  if (group.is_root()) {
    const auto& c = checkpoint.value();
    fields = {{"iteration", c.iteration},           {"recipe", c.recipe_toml},
              {"source_shape", c.source_shape},     {"target_shape", c.target_shape},
              {"source_items", c.source_items},     {"target_items", c.target_items},
              {"best_iteration", c.best_iteration}, {"ranks", c.ranks},
              {"source_columns", c.columns.source}, {"target_columns", c.columns.target}};
    fields["interventions"] = to_json(c.interventions);
    fields["divergence_watch"] = c.divergence_watch;
    fields["sound"] = c.sound;
    fields["evaluation_due"] = c.evaluation_due;
    if (c.best_metric) fields["best_figure"] = *c.best_metric;
  }
  fields = nlohmann::json::parse(group.broadcast(fields.dump()));
  Checkpoint out;
  if (group.is_root()) {
    out = std::move(*checkpoint);
  } else {
    out.iteration = fields.at("iteration").get<int64_t>();
    out.recipe_toml = fields.at("recipe").get<std::string>();
    out.source_shape = fields.at("source_shape").get<std::vector<int64_t>>();
    out.target_shape = fields.at("target_shape").get<std::vector<int64_t>>();
    out.source_items = fields.at("source_items").get<int64_t>();
    out.target_items = fields.at("target_items").get<int64_t>();
    out.best_iteration = fields.at("best_iteration").get<int64_t>();
    out.ranks = fields.at("ranks").get<int64_t>();
    out.columns.source = fields.at("source_columns").get<std::vector<std::string>>();
    out.columns.target = fields.at("target_columns").get<std::vector<std::string>>();
    out.interventions = interventions_from(fields.at("interventions"));
    out.divergence_watch = fields.at("divergence_watch").get<std::vector<double>>();
    out.sound = fields.at("sound").get<std::vector<int64_t>>();
    out.evaluation_due = fields.at("evaluation_due").get<bool>();
    if (fields.contains("best_figure")) out.best_metric = fields.at("best_figure").get<double>();
  }
  out.standardisation = broadcast_from_root(group, out.standardisation);
  return out;
}

std::string rank_change_message(int64_t before, int64_t now, bool batch_norm_by_rank) {
  if (before == now) return {};
  auto out = text("saved by ", before, before == 1 ? " rank" : " ranks", ", resumed by ", now,
                  ": batches, their order, noise, rates and the state are exactly those of the run; gradients are "
                  "added in another order, so the run is the same within rounding, but not bit by bit");
  if (batch_norm_by_rank) {
    out += text("; batch norm by rank now uses the statistics of ", now, now == 1 ? " part" : " parts",
                " of a batch instead of ", before,
                ", which changes the result (parallel.sync_batch_norm = true keeps it, within rounding)");
  }
  return out;
}

}  // namespace monge::train
