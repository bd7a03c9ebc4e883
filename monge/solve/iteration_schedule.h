// What the schedules say of one outer iteration, for code that runs it now or captures it to run it again.
#pragma once

#include <torch/types.h>

#include "monge/ot/host_or_device_scalar.h"
#include "monge/ot/method.h"

namespace monge::solve {

struct IterationSchedule {
  ot::ScheduleValues values;
  ot::HostOrDeviceScalar rate_map, rate_potential;
  ot::HostOrDeviceScalar average;  ///< weight of the new map in its average, 1 - decay
  bool penalise = false;           ///< whether R1 is computed
};

/// The numbers of an IterationSchedule on a device, at fixed places.
class DeviceScalars {
 public:
  DeviceScalars() = default;
  /// @param type  of the nets.
  DeviceScalars(torch::Device device, torch::ScalarType type);

  /// Writes the numbers of `schedule`, in the order of the current stream and without waiting for it.
  /// @return `schedule` with the tensors that hold them; these are the same each time.
  IterationSchedule set(const IterationSchedule& schedule);

 private:
  torch::Tensor exact_, single_, typed_;  ///< in float64, float32 and the nets' type
};

}  // namespace monge::solve
