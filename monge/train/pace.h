// What the schedules say of one outer iteration, for code that runs it now or captures it to run it again.
#pragma once

#include <torch/types.h>

#include "monge/ot/method.h"
#include "monge/ot/number.h"

namespace monge::train {

struct Pace {
  ot::Moment moment;
  ot::Number rate_map, rate_potential;
  ot::Number average;     ///< weight of the new map in its average, 1 - decay
  bool penalise = false;  ///< whether R1 is computed
};

/// The numbers of a Pace on a device, at fixed places.
class Dials {
 public:
  Dials() = default;
  /// @param type  of the nets.
  Dials(torch::Device device, torch::ScalarType type);

  /// Writes the numbers of `pace`, in the order of the current stream and without waiting for it.
  /// @return `pace` with the tensors that hold them; these are the same each time.
  Pace set(const Pace& pace);

 private:
  torch::Tensor exact_, single_, typed_;  ///< in float64, float32 and the nets' type
};

}  // namespace monge::train
