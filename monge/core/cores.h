// How many processor cores this process should use.
#pragma once

#include <cstdint>

namespace monge {

/// Those that the system lets it run on, unless set_usable_cores said less. At least 1.
int64_t usable_cores();

/// For processes that share a machine's cores with others of one job. 0: all again.
void set_usable_cores(int64_t cores);

}  // namespace monge
