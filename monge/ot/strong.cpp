#include "monge/ot/strong.h"

namespace monge::ot {

MethodEntry strong_entry() {
  return {.help = "quadratic cost, a deterministic map",
          .make = [](const MethodSetting& setting) { return std::make_unique<Strong>(setting); }};
}

}  // namespace monge::ot
