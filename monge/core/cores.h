// How many processor cores this process should use.
#pragma once

#include <cstdint>

namespace monge {

/// The number of cores that this process uses: set_usable_cores() sets it; by default it is what the system reports. At
/// least 1.
int64_t usable_cores();

/// Sets the number of cores for this process, where several processes of one job run on one machine. 0 restores the
/// default.
void set_usable_cores(int64_t cores);

}  // namespace monge
