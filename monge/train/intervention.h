// What a trainer changed in a training that diverged.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

namespace monge::train {

/// One return to an earlier state. From here on the rates of the recipe are multiplied by `rate`, R1 has this weight,
/// and the source is smoothed (smoothed_recipe). The last intervention counts.
struct Intervention {
  int64_t alarm = 0;     ///< outer iterations done when the divergence was noticed
  int64_t restored = 0;  ///< outer iterations done in the state from which the training continued; 0: its start
  double rate = 1;       ///< factor of both learning rates, which includes those of earlier interventions
  double r1 = 0;         ///< weight of R1
  int64_t r1_every = 1;
  double smoothing = 0;  ///< noise level of method otp, to which this return or an earlier one has changed; 0: none has
  std::string reason;    ///< what was noticed, as part of a sentence
};

/// As a checkpoint's manifest and summary.json hold them.
nlohmann::ordered_json to_json(const std::vector<Intervention>& interventions);
/// @throws nlohmann::json::exception for a field that is missing or has another type.
std::vector<Intervention> interventions_from(const nlohmann::ordered_json& list);

}  // namespace monge::train
