#include "examples/skeleton/skeleton.h"

namespace skeleton {

void register_skeleton() {
  monge::ot::methods().add("huber", huber_entry());
  monge::solve::map_nets().add("affine", affine_entry());
  monge::data::source_kinds().add(ring_kind());
  monge::eval::metrics().add(mean_shift_metric());
}

}  // namespace skeleton
