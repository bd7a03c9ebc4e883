#include "monge/core/version.h"

namespace monge {

std::string version() { return MONGE_VERSION; }

}  // namespace monge
