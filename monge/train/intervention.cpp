#include "monge/train/intervention.h"

#include <nlohmann/json.hpp>

namespace monge::train {

nlohmann::ordered_json to_json(const std::vector<Intervention>& interventions) {
  auto out = nlohmann::ordered_json::array();
  for (const auto& i : interventions) {
    out.push_back({{"alarm", i.alarm},
                   {"restored", i.restored},
                   {"rate", i.rate},
                   {"r1", i.r1},
                   {"r1_every", i.r1_every},
                   {"smoothing", i.smoothing},
                   {"reason", i.reason}});
  }
  return out;
}

std::vector<Intervention> interventions_from(const nlohmann::ordered_json& list) {
  std::vector<Intervention> out;
  for (const auto& i : list) {
    out.push_back({.alarm = i.at("alarm").get<int64_t>(),
                   .restored = i.at("restored").get<int64_t>(),
                   .rate = i.at("rate").get<double>(),
                   .r1 = i.at("r1").get<double>(),
                   .r1_every = i.at("r1_every").get<int64_t>(),
                   .smoothing = i.value("smoothing", 0.0),
                   .reason = i.at("reason").get<std::string>()});
  }
  return out;
}

}  // namespace monge::train
