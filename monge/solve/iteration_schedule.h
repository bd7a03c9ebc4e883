// The values of all schedules at one outer iteration, for code that runs it once or captures it as a graph.
#pragma once

#include <torch/types.h>

#include "monge/ot/host_or_device_scalar.h"
#include "monge/ot/method.h"

namespace monge::solve {

struct IterationSchedule {
  ot::ScheduleValues values;
  ot::HostOrDeviceScalar rate_map, rate_potential;
  ot::HostOrDeviceScalar average;       ///< weight of the new map in its average, 1 - decay
  ot::HostOrDeviceScalar augmentation;  ///< strength p, see ot::PotentialAugmentation
  ot::HostOrDeviceScalar alpha;         ///< weight of the divergences of an unbalanced problem
  bool penalise = false;                ///< whether the potential update computes the R1 penalty
};

/// The values of an IterationSchedule on a device, at fixed addresses.
class DeviceScalars {
 public:
  DeviceScalars() = default;
  /// @param type  the scalar type of the nets.
  DeviceScalars(torch::Device device, torch::ScalarType type);

  /// Writes the values of `schedule`, in the order of the current stream and without waiting for it.
  /// @return `schedule` with the tensors that hold its values; the tensors are the same for each call.
  IterationSchedule set(const IterationSchedule& schedule);

 private:
  torch::Tensor exact_, single_, typed_;  ///< in float64, float32 and the nets' type
};

}  // namespace monge::solve
